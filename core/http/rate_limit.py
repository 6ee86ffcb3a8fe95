"""The layer that reads who calls, and answers 429 to those who call too often."""

import logging
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from core.deadline import within_deadline
from core.errors import AuthenticationError, RateLimited
from core.http import Render
from core.http.caller import Caller, read_caller
from core.resources import Resources
from core.security.tokens import Claims
from engine.redis import Quota

logger = logging.getLogger("tandem.requests")

#: Tells whether a request counts.
Counts = Callable[[Scope], bool]
#: Asks the database whether the session of a valid token is live.
IsSignedIn = Callable[[Resources, Claims | AuthenticationError], Awaitable[bool]]


class RateLimit:
    """Reads who calls, counts the request and answers 429 when there were too many.

    A token of a live session counts for its user, anything else for the address. Whether the session is live is known
    after the request only, when its viewer was looked up: then a request that was counted for the wrong one is counted
    anew, and the next ones by this process are counted right at once. The caller is left in
    ``scope["state"]["caller"]`` for the context of either API.

    Args:
        app: what serves the request.
        resources: have the limits, the counts and the keys of tokens.
        render: words the error 429.
        counts: tells of each request whether it counts.
        is_signed_in: is asked behind a request that has ended before anybody looked its viewer up.
    """

    def __init__(
        self,
        app: ASGIApp,
        resources: Resources,
        render: Render,
        counts: Counts,
        is_signed_in: IsSignedIn,
    ) -> None:
        self.app = app
        self.resources = resources
        self.render = render
        self.counts = counts
        self.is_signed_in = is_signed_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        resources = self.resources
        settings = resources.settings
        caller = read_caller(
            scope, resources.tokens, settings.proxy_networks, settings.trusted_proxies_header
        )
        scope.setdefault("state", {})["caller"] = caller
        if not self.counts(scope):
            await self.app(scope, receive, send)
            return
        user_id = _user_of(resources, caller)
        quota = await _count(resources, caller, user_id)
        if quota is None:
            await self.app(scope, receive, send)
            return
        # RequestLog writes them, because it also answers when everything below has failed.
        scope["state"]["answer_headers"] = (
            *scope["state"].get("answer_headers", ()),
            (b"x-ratelimit-limit", b"%d" % quota.limit),
            (b"x-ratelimit-remaining", b"%d" % quota.remaining),
            (b"x-ratelimit-reset", b"%d" % quota.reset_at),
        )
        if quota.exceeded:
            error = RateLimited(retry_after=quota.retry_after)
            await self.render(scope, error)(scope, receive, send)
            return
        await self.app(scope, receive, send)
        if user_id is not None and not caller.is_signed_in:
            await self._count_anew(caller, user_id)

    async def _count_anew(self, caller: Caller, user_id: int) -> None:
        """Count a request for its address instead of its user, unless its session turns out to be live."""
        resources, settings = self.resources, self.resources.settings
        if caller.is_signed_in is None:  # as where the document is not valid, or nothing is at the address
            work = self.is_signed_in(resources, caller.credentials)
            try:
                caller.is_signed_in = await within_deadline(settings.deadline_seconds, work)
            except Exception as error:
                logger.warning("It is not known for whom a request counts: %r", error)
                return
        if not caller.is_signed_in:
            await resources.requests.give_back(_user(user_id))
            if limits := caller.limits("address", settings.rate_limit_anonymous):
                await resources.requests.hit_all(limits)


def _user_of(resources: Resources, caller: Caller) -> int | None:
    """Return for whom a request counts; None for its address."""
    claims = caller.credentials
    if isinstance(claims, Claims) and claims.session_id not in resources.ended_sessions:
        return claims.user_id
    return None


def _user(user_id: int) -> str:
    return f"user:{user_id}"


async def count_request(resources: Resources, caller: Caller) -> Quota | None:
    """Count one request against its user or its address; None when that limit is off."""
    return await _count(resources, caller, _user_of(resources, caller))


async def _count(resources: Resources, caller: Caller, user_id: int | None) -> Quota | None:
    settings = resources.settings
    if user_id is not None:
        limit = settings.rate_limit_user
        return await resources.requests.hit(_user(user_id), limit) if limit else None
    limits = caller.limits("address", settings.rate_limit_anonymous)
    return await resources.requests.hit_all(limits) if limits else None
