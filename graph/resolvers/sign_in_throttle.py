"""Slows down whoever guesses passwords, and nobody else: strangers cannot keep the holder of an account out.

Attempts are counted by account and sender together, by sender alone, and by account alone with a higher limit, which
does not hold for who has signed in to the account before. A sender is a network, of IPv6 three
(:meth:`core.http.caller.Caller.limits`).
"""

from collections.abc import Sequence

from core.email_addresses import normal_email
from core.errors import RateLimited
from engine.redis import RateLimiter
from graph.resolvers.context import Context
from models import Session

REFUSAL = "Too many sign-in attempts"
#: Sign-ins to one account from one sender altogether, as a multiple of those that may fail.
SUCCESSES = 10


async def count_attempt(ctx: Context, email: str) -> None:
    """Count one attempt to sign in.

    Raises:
        RateLimited: there were too many for this account from here, from here, or for this account.
    """
    limits = [*_from_here(ctx, email), *_sessions(ctx, email), *_sender(ctx)]
    await count(ctx.resources.sign_ins, limits, REFUSAL)
    try:
        await count(ctx.resources.sign_ins, _from_anywhere(ctx, email), REFUSAL)
    except RateLimited:
        # The same statement whether or not there is such an account.
        if not await Session.is_known(normal_email(email), ctx.caller.network):
            raise


async def count_proof(ctx: Context) -> None:
    """Count one attempt of the viewer to prove the viewer's own password.

    By session, not by address or account: nobody but who has a token of it can use its attempts up.

    Raises:
        AuthenticationError: nobody is signed in.
        RateLimited: there were too many.
    """
    limit = ctx.resources.settings.password_proof_limit
    limits = [(f"proof:{ctx.require_session().session_id}", limit)] if limit else []
    await count(ctx.resources.sign_ins, limits, "Too many attempts to prove the password")


async def count(limiter: RateLimiter, limits: Sequence[tuple[str, int]], refusal: str) -> None:
    """Count one attempt for each subject; one that has no more left uses up nothing of those behind it.

    Args:
        limits: subjects and how many attempts each has.

    Raises:
        RateLimited: with *refusal*.
    """
    if limits:
        quota = await limiter.hit_all(limits)
        if quota.exceeded:
            raise RateLimited(refusal, retry_after=quota.retry_after)


async def forgive(ctx: Context, email: str) -> None:
    """Do not count an attempt that succeeded as a guess; it stays counted as a session that was opened.

    Other attempts stay: an account of one's own buys no guesses at others, nor does the holder's sign-in buy some.
    """
    limits = [*_from_here(ctx, email), *_sender(ctx), *_from_anywhere(ctx, email)]
    await ctx.resources.sign_ins.give_back(*(subject for subject, _ in limits))


async def forget_attempts(ctx: Context, email: str) -> None:
    """Forget an account's attempts from here and altogether: whoever was locked out may begin anew."""
    limits = _from_here(ctx, email) + _from_anywhere(ctx, email)
    await ctx.resources.sign_ins.forget(*(subject for subject, _ in limits))


def _sender(ctx: Context) -> list[tuple[str, int]]:
    return ctx.caller.limits("address", ctx.resources.settings.sign_in_limit_address)


# In the form that the account is looked up by, else each way to write it would have attempts of its own; with names of
# their own, else "ada@example.com:192.0.2.1" would be an account whose attempts are Ada's.
def _from_here(ctx: Context, email: str) -> list[tuple[str, int]]:
    return ctx.caller.limits(
        f"account-from:{normal_email(email)}", ctx.resources.settings.sign_in_limit_account
    )


def _sessions(ctx: Context, email: str) -> list[tuple[str, int]]:
    limit = ctx.resources.settings.sign_in_limit_account * SUCCESSES
    return ctx.caller.limits(f"sessions:{normal_email(email)}", limit)


def _from_anywhere(ctx: Context, email: str) -> list[tuple[str, int]]:
    limit = ctx.resources.settings.sign_in_limit_account_total
    return [(f"account:{normal_email(email)}", limit)] if limit else []
