"""The outermost layer: a request's id, its line in the log, its place in the metrics, and the errors 500 and 503."""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.database import shown_error
from core.errors import AppError, InternalError
from core.http import Render
from core.http.observed_socket import ObservedSocket
from core.http.response_headers import add_headers, new_request_id
from core.metrics import observe_request

logger = logging.getLogger("tandem.requests")

#: The id of the request (or of the handshake of the socket) that the present task works for; "-" for none.
current_request_id: ContextVar[str] = ContextVar("request_id", default="-")


class RequestLog:
    """Gives each request an id, logs and counts it, and answers 500 where something unexpected was raised.

    While the database cannot be reached, the answer is 503.

    Args:
        app: what serves the request.
        render: words the errors 500 and 503.
        face_of: returns which part of the application a path belongs to, one of few values, for the metrics.
    """

    def __init__(self, app: ASGIApp, render: Render, face_of: Callable[[str], str]) -> None:
        self.app = app
        self.render = render
        self.face_of = face_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        current_request_id.set(request_id)
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await self._serve_socket(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                add_headers(message, scope)
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        except Exception as error:
            shown = _log_failure(scope, error)
            if not status:
                await self.render(scope, shown)(scope, receive, send_observed)
        finally:
            seconds = time.perf_counter() - started
            # Documented routes of FastAPI have an operation's id, and nothing else has.
            operation = getattr(scope.get("route"), "operation_id", None) or ""
            observe_request(self.face_of(scope["path"]), operation, scope["method"], status, seconds)
            _log(scope, str(status), seconds)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, socket = time.perf_counter(), ObservedSocket(scope, receive, send)
        try:
            await self.app(scope, socket.receive, socket.send)
        except Exception as error:
            if not socket.is_gone:
                await socket.fail(self.render(scope, _log_failure(scope, error)))
        finally:
            # Not in the metrics: the time of one socket would drown that of all requests.
            outcome = (
                f"{socket.status} closed with {socket.close_code}" if socket.close_code else socket.status
            )
            _log(scope, str(outcome), time.perf_counter() - started)


def _log(scope: Scope, outcome: str, seconds: float) -> None:
    logger.info(
        "%s %s %s %.1f ms (%s)",
        scope.get("method", "WS"),
        scope["path"],
        outcome,
        seconds * 1000,
        scope["state"]["request_id"],
        extra={"status": outcome},
    )


def _log_failure(scope: Scope, error: Exception) -> AppError:
    """Log what was raised, a defect with its trace, and return what the client is shown of it."""
    shown = shown_error(error)
    method, request_id = scope.get("method", "WS"), scope["state"]["request_id"]
    exc_info = error if isinstance(shown, InternalError) else None
    logger.error("%s %s failed (request %s): %r", method, scope["path"], request_id, error, exc_info=exc_info)
    return shown
