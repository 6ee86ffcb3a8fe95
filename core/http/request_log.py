"""The outermost layer: a request's ids, its line in the log, its place in the metrics, and the errors 500 and 503."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.database import shown_error
from core.errors import AppError, InternalError
from core.http import Render
from core.http.caller import Caller
from core.http.observed_socket import ObservedSocket
from core.http.response_headers import add_headers
from core.log_events import EventRecord
from core.metrics import observe_request
from core.request_id import current_request_id, read_request_ids
from core.security.tokens import Claims

logger = logging.getLogger("tandem.requests")

#: Characters of a path that stand in a line.
MAX_PATH = 500
#: Fields that a line of text tells behind method and path, where they are known.
_TOLD = ("operation", "status")


class RequestLog:
    """Gives each request an id, logs and counts it, and answers 500 where something unexpected was raised.

    While the database cannot be reached, the answer is 503. Behind it ``scope["state"]`` has the ``request_id`` and
    perhaps the ``trace_id``; what is put there as ``operation`` (a name) and ``codes`` (of errors) stands in the line.

    Args:
        app: what serves the request.
        render: words the errors 500 and 503.
        face_of: returns which part of the application a path belongs to, one of few values, for the metrics.
    """

    def __init__(self, app: ASGIApp, render: Render, face_of: Callable[[str], str]) -> None:
        self.app = app
        self.render = render
        self.face_of = face_of

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] not in ("http", "websocket"):
            return self.app(scope, receive, send)
        state = scope.setdefault("state", {})
        request_id, trace_id = read_request_ids(scope["headers"])
        state["request_id"] = request_id
        if trace_id is not None:
            state["trace_id"] = trace_id
        current_request_id.set(request_id)
        serve = self._serve if scope["type"] == "http" else self._serve_socket
        return serve(scope, receive, send)

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
            log_request(scope, seconds, status=status)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, socket = time.perf_counter(), ObservedSocket(scope, receive, send)
        try:
            await self.app(scope, socket.receive, socket.send)
        except Exception as error:
            if not socket.is_gone:
                await socket.fail(self.render(scope, _log_failure(scope, error)))
        finally:
            # Not in the metrics: the time of one socket would drown that of all requests.
            seconds = time.perf_counter() - started
            log_request(scope, seconds, status=socket.status, close_code=socket.close_code)


class RequestRecord(EventRecord):
    """The line of a request: in text as people read them."""

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        """Return the request and its outcome, and in parentheses whose it was."""
        fields = self.fields
        told = [fields["method"], fields["path"], *(fields[name] for name in _TOLD if name in fields)]
        if "codes" in fields:
            told += fields["codes"]
        if "close_code" in fields:
            told.append(f"closed with {fields['close_code']}")
        known = [f"user {fields['user_id']}"] if "user_id" in fields else []
        known += [fields["client"], fields["request_id"]]
        return f"{' '.join(map(str, told))} {fields['milliseconds']} ms ({', '.join(known)})"


def log_request(
    scope: Scope,
    seconds: float,
    *,
    status: int | None = None,
    operation: str | None = None,
    codes: Sequence[str] = (),
    close_code: int = 0,
) -> None:
    """Log that a request, or an operation of a socket, has ended, and with what.

    Args:
        scope: of the request, or of the socket's handshake.
        seconds: that it took.
        status: of the answer to a request or a handshake.
        operation: its name, unless the state of *scope* has it.
        codes: of the errors that the answer has, unless the state of *scope* has them.
        close_code: of a socket that was closed.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    state = scope["state"]
    fields = _fields_of(scope)
    if operation := operation or state.get("operation"):
        fields["operation"] = operation
    if status is not None:
        fields["status"] = status
    if codes := codes or state.get("codes", ()):
        fields["codes"] = codes
    if close_code:
        fields["close_code"] = close_code
    fields["milliseconds"] = int(seconds * 10_000) / 10  # round() takes as long as encoding the line
    caller: Caller | None = state.get("caller")
    if caller is None:  # refused before anybody has read who sends it
        fields["client"] = (scope.get("client") or ("",))[0]
    else:
        fields["client"] = caller.address
        if caller.is_signed_in and isinstance(caller.credentials, Claims):
            fields["user_id"] = caller.credentials.user_id
    logger.handle(RequestRecord(logger.name, "Request", fields))


def _fields_of(scope: Scope) -> dict[str, Any]:
    """Return what names a request in every line about it: its path without the query, which may hold secrets."""
    state, path = scope["state"], scope["path"]
    fields = {
        "method": scope.get("method", "WS"),
        "path": path if len(path) <= MAX_PATH else f"{path[:MAX_PATH]}…",
        "request_id": state["request_id"],
    }
    if "trace_id" in state:
        fields["trace_id"] = state["trace_id"]
    return fields


def _log_failure(scope: Scope, error: Exception) -> AppError:
    """Log what was raised, a defect with its trace, and return what the client is shown of it."""
    shown = shown_error(error)
    fields = _fields_of(scope)
    method, path, request_id = fields["method"], fields["path"], fields["request_id"]
    exc_info = error if isinstance(shown, InternalError) else None
    logger.error(
        "%s %s failed (request %s): %r", method, path, request_id, error, exc_info=exc_info, extra=fields
    )
    return shown
