"""The ids by which the log, answers and workers name a request: given by whoever asks, or made here."""

import re
from collections.abc import Iterable
from contextvars import ContextVar
from random import getrandbits

#: What stands for the id where no request is served.
NO_REQUEST = "-"
#: The id of the request (or of the handshake of the socket) that the present task works for.
current_request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)

#: Characters of the longest id that is taken over.
MAX_REQUEST_ID = 64
#: What UUIDs, ULIDs, base64 and the ids of proxies consist of, and nothing that a log, a shell or a page takes for
#: anything but text (CWE-117).
REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,%d}" % (MAX_REQUEST_ID - 1))
#: Version, trace-id, parent-id, trace-flags, and what a later version has behind them.
_TRACEPARENT = re.compile(
    rb"([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x20-\x7e]*)?"
)


def new_request_id() -> str:
    """Return the id of a request, or of a refusal to read one: it names it in the log, and is no secret."""
    return f"{getrandbits(64):016x}"


def read_request_ids(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str | None]:
    """Return the id of a request, and that of the trace that it is part of, if it says so.

    The first is its ``X-Request-ID``; else its trace's, which whoever traces looks for; else a new one. Anybody may
    choose them: they are labels, and nothing is found or allowed by them.
    """
    asked = parent = None
    for name, value in headers:
        if name == b"x-request-id":
            asked = value if asked is None else b""  # two of them name nothing
        elif name == b"traceparent":
            parent = value if parent is None else b""
    trace_id = _read_traceparent(parent) if parent else None
    if asked and REQUEST_ID.fullmatch(asked):
        return asked.decode(), trace_id
    return trace_id or new_request_id(), trace_id


def _read_traceparent(value: bytes) -> str | None:
    """Return the trace-id of a ``traceparent`` (W3C Trace Context, section 3.2.2); None if it is not well-formed."""
    found = _TRACEPARENT.fullmatch(value)
    if found is None:
        return None
    version, trace_id, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    return trace_id.decode()
