"""The bounds of connections, and what is said to those who exceed them before the application sees a request."""

import logging
from functools import partial

import orjson
from starlette.types import Message

from core.errors import (
    AppError,
    HeadTimeout,
    HeadTooLarge,
    MalformedRequest,
    RateLimited,
    TargetTooLong,
)
from core.http.caller import sender_network
from core.http.response_headers import add_headers
from core.log_events import log_event
from core.request_id import new_request_id
from core.settings import Settings
from engine.http import ConnectionLimits, Headers

logger = logging.getLogger("tandem.requests")

_ERRORS: dict[int, AppError] = {
    error.status: error
    for error in (
        MalformedRequest(),
        HeadTimeout(),
        TargetTooLong(),
        HeadTooLarge(),
        RateLimited("Too many connections from this address"),
    )
}


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return what a connection may take of a process; connections of trusted proxies are not counted."""
    return ConnectionLimits(
        connections=settings.max_connections_address,
        write_seconds=settings.write_timeout_seconds,
        sender_of=partial(sender_network, trusted=settings.proxy_networks),
        refuse=refuse,
    )


def refuse(status: int) -> tuple[Headers, bytes]:
    """Return the headers and the body of an answer of that status, as REST words an error, and log it."""
    error, request_id = _ERRORS[status], new_request_id()
    headers: Headers = [(b"content-type", b"application/json")]
    headers += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    start: Message = {"headers": headers}
    add_headers(start, {"state": {"request_id": request_id}})
    fields = {"status": status, "reason": error.message, "request_id": request_id}
    log_event(logger, "Refused a connection", fields)
    return start["headers"], orjson.dumps({"detail": error.message, "error_code": error.code.value})
