"""What happens to every request before either face sees it: small pure-ASGI layers.

``app.py`` stacks them. Each takes the next application first; those that refuse a request take *render*,
which knows how the addressed face words an error. They are on the way of every request, so they work on the raw
headers and wait for nothing that is there already.
"""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from random import getrandbits

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import AppError, BodyTooLarge, InternalError, RateLimited
from core.http.caller import Caller, read_caller
from core.metrics import observe_request
from core.patience import within
from core.resources import Resources
from core.security.tokens import Claims
from engine.postgres import is_away
from engine.redis.rate_limiter import Quota

logger = logging.getLogger("tandem.requests")

Render = Callable[[Scope, AppError], Response]

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}
_SECURITY = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_SECURITY_NAMES = frozenset(name for name, _ in _SECURITY)
#: Seconds that a client may take to send its body.
BODY_TIMEOUT = 30
#: The addresses whose requests count against the limits.
COUNTED_PATHS = ("/api/", "/graphql")

#: The id of the request (or of the handshake of the socket) that the present task works for; "-" for none.
current_request_id: ContextVar[str] = ContextVar("request_id", default="-")


class Observe:
    """Gives each request an id, logs it, and turns whatever nobody expected into a masked error 500."""

    def __init__(self, app: ASGIApp, render: Render) -> None:
        self.app = app
        self.render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        # It names a request in the log, and is no secret.
        request_id = f"{getrandbits(64):016x}"
        scope.setdefault("state", {})["request_id"] = request_id
        current_request_id.set(request_id)
        started, status = time.perf_counter(), 0
        is_request = scope["type"] == "http"  # a socket stays, and mostly waits

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(message, request_id, scope)
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        except Exception as error:
            method, away = scope.get("method", "WS"), is_away(error)
            logger.error(
                "%s %s failed (request %s): %r", method, scope["path"], request_id, error, exc_info=not away
            )
            if is_request and not status:
                await self.render(scope, InternalError())(scope, receive, send_observed)
        finally:
            seconds, method = time.perf_counter() - started, scope.get("method", "WS")
            if is_request:  # a socket's time would drown all others
                observe_request(scope["path"], method, status, seconds)
            logger.info("%s %s %d %.1f ms (%s)", method, scope["path"], status, seconds * 1000, request_id)


def _complete(start: Message, request_id: str, scope: Scope) -> None:
    """Add the headers that every answer has to those of its first message."""
    headers = [*start.get("headers", ()), (b"x-request-id", request_id.encode())]
    headers += scope["state"].get("answer_headers", ())
    if _SECURITY_NAMES.isdisjoint([name for name, _ in headers]):
        headers += _SECURITY
    else:
        names = {name for name, _ in headers}
        headers += [header for header in _SECURITY if header[0] not in names]
    start["headers"] = headers


class CountRequests:
    """Reads who calls, counts the request and answers 429 when there were too many.

    A valid token counts for its user, anything else for the address. The caller is left in
    ``scope["state"]["caller"]`` for the context of either face.
    """

    def __init__(self, app: ASGIApp, resources: Resources, render: Render) -> None:
        self.app = app
        self.resources = resources
        self.render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        resources = self.resources
        caller = read_caller(scope, resources.tokens, resources.settings.proxy_networks)
        scope.setdefault("state", {})["caller"] = caller
        if not scope["path"].startswith(COUNTED_PATHS) or scope.get("method") == "OPTIONS":
            await self.app(scope, receive, send)
            return
        quota = await count_request(resources, caller)
        if quota is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_socket(quota, scope, receive, send)
        else:
            await self._serve(quota, scope, receive, send)

    async def _serve(self, quota: Quota, scope: Scope, receive: Receive, send: Send) -> None:
        # Observe writes them, because it also answers when everything below has failed.
        scope["state"]["answer_headers"] = (
            (b"x-ratelimit-limit", b"%d" % quota.limit),
            (b"x-ratelimit-remaining", b"%d" % quota.remaining),
            (b"x-ratelimit-reset", b"%d" % quota.reset_at),
        )
        if quota.exceeded:
            error = RateLimited(retry_after=quota.retry_after)
            await self.render(scope, error)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _serve_socket(self, quota: Quota, scope: Scope, receive: Receive, send: Send) -> None:
        if quota.exceeded:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Rate limit exceeded"})
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


class LimitBody:
    """Reads the whole body before anybody parses it, and answers 413 when it is too large or endless."""

    def __init__(self, app: ASGIApp, max_bytes: int, render: Render) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = _announced(scope)
        if announced is None:
            await self.app(scope, receive, send)
            return
        try:
            if announced > self.max_bytes:
                raise BodyTooLarge
            body = await within(BODY_TIMEOUT, self._read(receive))
        except (BodyTooLarge, TimeoutError):
            await self.render(scope, BodyTooLarge())(scope, receive, send)
            return
        if body is None:  # the client went away
            return
        pending = [body]

        async def receive_buffered() -> Message:
            if pending:
                return {"type": "http.request", "body": pending.pop(), "more_body": False}
            return await receive()

        await self.app(scope, receive_buffered, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body; None if the client went away."""
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.max_bytes:
                raise BodyTooLarge
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)


def _announced(scope: Scope) -> int | None:
    """Return how long the body is said to be, 0 if that is not said, None if there is none."""
    size = None
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
        if name == b"transfer-encoding":
            size = 0
    return size


class Dispatch:
    """Sends what is addressed to one path straight to its application, past all routes.

    Args:
        app: where everything else goes.
        path: the whole path.
        to: the application behind it, for HTTP and WebSocket.
    """

    def __init__(self, app: ASGIApp, path: str, to: ASGIApp) -> None:
        self.app = app
        self.path = path
        self.to = to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self.to if scope.get("path") == self.path else self.app
        await app(scope, receive, send)
