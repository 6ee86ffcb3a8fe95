"""The headers that every answer has."""

from starlette.types import Message, Scope

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}
#: Nobody keeps what says nothing else of itself: it may hold tokens (RFC 6749, section 5.1) or somebody's data. What
#: has a validator (RFC 9110, section 8.8), as files have, is the same for everybody.
NO_STORE = {"Cache-Control": "no-store"}
_VALIDATOR = b"etag"
_ADDED = [(name.lower().encode(), value.encode()) for name, value in (SECURITY_HEADERS | NO_STORE).items()]
_NAMES = frozenset([_VALIDATOR, *(name for name, _ in _ADDED)])


def add_headers(start: Message, scope: Scope) -> None:
    """Add the request's id, what the layers want to say, and those of security and caching that *start* lacks.

    Args:
        start: the first message of an answer, ``http.response.start``.
        scope: its state has the ``request_id`` and perhaps ``answer_headers``.
    """
    state = scope["state"]
    headers = [*start.get("headers", ()), (b"x-request-id", state["request_id"].encode())]
    headers += state.get("answer_headers", ())
    if _NAMES.isdisjoint([name for name, _ in headers]):
        headers += _ADDED
    else:
        names = {name for name, _ in headers}
        if _VALIDATOR in names:
            names.add(b"cache-control")
        headers += [header for header in _ADDED if header[0] not in names]
    start["headers"] = headers
