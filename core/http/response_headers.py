"""The headers that every answer has."""

from starlette.types import Message, Scope

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}
_SECURITY = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_SECURITY_NAMES = frozenset(name for name, _ in _SECURITY)


def add_headers(start: Message, scope: Scope) -> None:
    """Add the request's id, what the layers want to say, and the security headers that *start* lacks.

    Args:
        start: the first message of an answer, ``http.response.start``.
        scope: its state has the ``request_id`` and perhaps ``answer_headers``.
    """
    state = scope["state"]
    headers = [*start.get("headers", ()), (b"x-request-id", state["request_id"].encode())]
    headers += state.get("answer_headers", ())
    if _SECURITY_NAMES.isdisjoint([name for name, _ in headers]):
        headers += _SECURITY
    else:
        names = {name for name, _ in headers}
        headers += [header for header in _SECURITY if header[0] not in names]
    start["headers"] = headers
