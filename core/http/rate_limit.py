"""The layer that reads who calls, and answers 429 to those who call too often."""

from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import RateLimited
from core.http import Render
from core.http.caller import Caller, read_caller
from core.resources import Resources
from core.security.tokens import Claims
from engine.redis import Quota


class RateLimit:
    """Reads who calls, counts the request and answers 429 when there were too many.

    A valid token counts for its user, anything else for the address. The caller is left in
    ``scope["state"]["caller"]`` for the context of either API.

    Args:
        app: what serves the request.
        resources: have the limits, the counts and the keys of tokens.
        render: words the error 429.
        paths: what the paths of the requests that count begin with.
    """

    def __init__(self, app: ASGIApp, resources: Resources, render: Render, paths: tuple[str, ...]) -> None:
        self.app = app
        self.resources = resources
        self.render = render
        self.paths = paths

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
        if not scope["path"].startswith(self.paths) or scope.get("method") == "OPTIONS":
            await self.app(scope, receive, send)
            return
        quota = await count_request(resources, caller)
        if quota is None:
            await self.app(scope, receive, send)
        else:
            await self._serve(quota, scope, receive, send)

    async def _serve(self, quota: Quota, scope: Scope, receive: Receive, send: Send) -> None:
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
        else:
            await self.app(scope, receive, send)


async def count_request(resources: Resources, caller: Caller) -> Quota | None:
    """Count one request against its user or its address; None when that limit is off."""
    settings = resources.settings
    if isinstance(caller.credentials, Claims):
        subject, limit = f"user:{caller.credentials.user_id}", settings.rate_limit_user
    else:
        subject, limit = f"address:{caller.network}", settings.rate_limit_anonymous
    return await resources.requests.hit(subject, limit) if limit else None
