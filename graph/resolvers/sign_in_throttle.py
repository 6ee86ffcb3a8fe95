"""Slows down whoever guesses passwords: attempts are counted per account and per address."""

from collections.abc import Iterable

from core.email_addresses import normal_email
from core.errors import RateLimited
from engine.redis import RateLimiter
from graph.resolvers.context import Context


async def count_attempt(ctx: Context, email: str) -> None:
    """Count one attempt to prove a password.

    It is called once per field, so repeating a field under aliases in one document gains a guesser nothing.

    Raises:
        RateLimited: there were too many for this account, or from this address.
    """
    settings = ctx.resources.settings
    limits = (
        (_account(email), settings.sign_in_limit_account),
        (_address(ctx), settings.sign_in_limit_address),
    )
    await count(ctx.resources.sign_ins, limits, "Too many sign-in attempts")


async def count(limiter: RateLimiter, limits: Iterable[tuple[str, int]], refusal: str) -> None:
    """Count one attempt for each subject, in their order, until one has no more left.

    Args:
        limits: subjects and how many attempts each has; 0 is no limit.

    Raises:
        RateLimited: with *refusal*; the subjects behind are not counted.
    """
    for subject, limit in limits:
        if limit:
            quota = await limiter.hit(subject, limit)
            if quota.exceeded:
                raise RateLimited(refusal, retry_after=quota.retry_after)


async def forgive(ctx: Context, email: str) -> None:
    """Forget an account's attempts after one that succeeded, and do not count that one for its address.

    The address keeps its other attempts: an account of one's own buys no guesses at others.
    """
    await forget_attempts(ctx, email)
    if ctx.resources.settings.sign_in_limit_address:
        await ctx.resources.sign_ins.give_back(_address(ctx))


async def forget_attempts(ctx: Context, email: str) -> None:
    """Forget an account's attempts: whoever was locked out may begin anew."""
    if ctx.resources.settings.sign_in_limit_account:
        await ctx.resources.sign_ins.forget(_account(email))


def _address(ctx: Context) -> str:
    return f"address:{ctx.caller.network}"


def _account(email: str) -> str:
    # In the form that the account is looked up by: else each way to write it would have attempts of its own.
    return f"account:{normal_email(email)}"
