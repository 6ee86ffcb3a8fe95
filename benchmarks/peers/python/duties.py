"""What a server in production owes besides its answers, as one pure ASGI layer.

The session of every request looked up in PostgreSQL, a rate limit counted in Valkey and told in three headers, a log
line, a limit on bodies.
"""

import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import jwt
import orjson
from redis.asyncio import BlockingConnectionPool, Redis
from signed_in import POOL, claims_of
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIMIT = int(os.environ.get("BENCH_RATE_LIMIT", "0"))
MAX_BODY_BYTES = int(os.environ.get("BENCH_MAX_BODY_BYTES", "0"))
WINDOW = 60

LIVE_USER = """
SELECT users.id, users.email, users.full_name, users.is_admin, users.created_at
FROM sessions JOIN users ON users.id = sessions.user_id
WHERE sessions.id = $1 AND sessions.revoked_at IS NULL AND users.is_active AND users.deleted_at IS NULL
"""

logger = logging.getLogger("bench.requests")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"time": record.created, "level": record.levelname, "logger": record.name}
        return orjson.dumps(line | record.msg).decode()


def _log_as_json() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


class BodyTooLarge(Exception):
    """More bytes than anybody may send."""


class Duties:
    """Serves a request with all of them; the user is left in ``scope["state"]["user"]``.

    Args:
        find_user: returns the live user of a session, None if there is none.
    """

    def __init__(self, app: ASGIApp, find_user: Callable[[str], Awaitable[Mapping[str, Any] | None]]) -> None:
        self.app = app
        self.find_user = find_user
        pool = BlockingConnectionPool.from_url(
            os.environ["BENCH_REDIS_URL"], max_connections=POOL, timeout=None
        )
        self.redis = Redis(connection_pool=pool)
        _log_as_json()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and log it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, extra = time.perf_counter(), 0, {}

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(extra)
            await send(message)

        try:
            refusal = await self._admit(scope, extra)
            app = refusal or self.app
            await app(scope, _limited(receive), send_on)
        except BodyTooLarge:
            await _refusal(413)(scope, receive, send_on)
        finally:
            taken = (time.perf_counter() - started) * 1000
            logger.info(
                {"method": scope["method"], "path": scope["path"], "status": status, "milliseconds": taken}
            )

    async def _admit(self, scope: Scope, extra: dict[str, str]) -> Response | None:
        """Count the request and find who sends it; return how it is refused, None if it is not."""
        headers = Headers(scope=scope)
        if int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
            return _refusal(413)
        claims = None
        if authorization := headers.get("authorization"):
            try:
                claims = claims_of(authorization)
            except jwt.PyJWTError:
                return _refusal(401)
        hits, reset_at = await self._count(
            f"user:{claims['sub']}" if claims else f"address:{scope['client'][0]}"
        )
        extra["X-RateLimit-Limit"] = str(LIMIT)
        extra["X-RateLimit-Remaining"] = str(max(0, LIMIT - hits))
        extra["X-RateLimit-Reset"] = str(reset_at)
        if hits > LIMIT:
            extra["Retry-After"] = str(max(1, reset_at - int(time.time())))
            return _refusal(429)
        user = await self.find_user(claims["sid"]) if claims else None
        if claims and user is None:
            return _refusal(401)
        scope.setdefault("state", {})["user"] = user
        return None

    async def _count(self, subject: str) -> tuple[int, int]:
        """Return the hits of this window, and when it ends."""
        number = int(time.time()) // WINDOW
        key = f"bench:requests:{subject}:{number}"
        async with self.redis.pipeline(transaction=False) as commands:
            # A window's key outlives it by a second.
            hits, _ = await commands.incrby(key, 1).expire(key, WINDOW + 1, nx=True).execute()
        return hits, (number + 1) * WINDOW


def _limited(receive: Receive) -> Receive:
    size = 0

    async def receive_limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise BodyTooLarge
        return message

    return receive_limited


def _refusal(status: int) -> Response:
    return Response(b'{"data":null}', status, media_type="application/json")
