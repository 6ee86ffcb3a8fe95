"""What happens to every request before either face sees it: small pure-ASGI layers.

``app.py`` stacks them. Each takes the next application first; those that refuse a request take *render*,
which knows how the addressed face words an error.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.caller import Caller, read_caller
from core.errors import AppError, BodyTooLarge, InternalError, RateLimited
from core.metrics import observe_request
from core.rate_limit import Quota
from core.resources import Resources
from core.security.tokens import Claims

logger = logging.getLogger("tandem.requests")

Render = Callable[[Scope, AppError], Response]

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}
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
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        current_request_id.set(request_id)
        started, status = time.perf_counter(), 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in scope["state"].get("answer_headers", {}).items():
                    headers[name] = value
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        except Exception:
            logger.exception(
                "%s %s failed (request %s)", scope.get("method", "WS"), scope["path"], request_id
            )
            if scope["type"] == "http" and not status:
                await self.render(scope, InternalError())(scope, receive, send_observed)
        finally:
            seconds, method = time.perf_counter() - started, scope.get("method", "WS")
            if scope["type"] == "http":  # a socket's time would drown all others
                observe_request(scope["path"], method, status, seconds)
            logger.info("%s %s %d %.1f ms (%s)", method, scope["path"], status, seconds * 1000, request_id)


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
        scope["state"]["answer_headers"] = {
            "X-RateLimit-Limit": str(quota.limit),
            "X-RateLimit-Remaining": str(quota.remaining),
            "X-RateLimit-Reset": str(quota.reset_at),
        }
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
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        try:
            body = await self._read(headers, receive)
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

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        if int(headers.get("content-length", "0")) > self.max_bytes:
            raise BodyTooLarge
        chunks: list[bytes] = []
        size = 0
        async with asyncio.timeout(BODY_TIMEOUT):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > self.max_bytes:
                    raise BodyTooLarge
                if not message.get("more_body"):
                    return b"".join(chunks)
