"""How to answer a client by what it accepts (GraphQL over HTTP, section 6.1): media type, stream, or GraphiQL."""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Scope

from core.errors import AppError
from core.http.headers import find_header, memoized
from core.http.media_types import JSON, Accept, takes_html
from graph.endpoint.request_errors import RESPONSE_MEDIA_TYPE, error_response
from graph.endpoint.streams import StreamTransport, stream_transport


@dataclass(frozen=True, slots=True)
class Accepted:
    """What comes of an ``Accept`` header.

    Args:
        media_type: of single answers, and of refusals.
        transport: how to stream; None if the client wants a single answer.
        page: whether it takes a page rather than JSON, as a browser does.
        asks_for_page: whether it names pages besides, as browsers do and programs that take anything do not.
    """

    media_type: str
    transport: StreamTransport | None
    page: bool
    asks_for_page: bool


def accepted(scope: Scope) -> Accepted:
    """Return what the sender of a request accepts."""
    return _negotiate(find_header(scope, b"accept"))


def render_error(scope: Scope, error: AppError) -> Response:
    """Render an error of the whole request, such as too many of them, in the media type that the client accepts."""
    return error_response(error, accepted(scope).media_type)


@memoized
def _negotiate(value: bytes) -> Accepted:
    accept = Accept(value)
    page = accept.quality("text/html")
    takes_page = bool(accept.ranges) and page > 0 and page >= accept.quality(JSON)
    asks_for_page = takes_page and takes_html(value)
    return Accepted(_media_type(accept), stream_transport(accept), takes_page, asks_for_page)


def _media_type(accept: Accept) -> str:
    """Return the media type of an answer.

    The newer one goes to those who know it: a client that takes anything, or names neither, gets the older.
    """
    newer, older = accept.quality(RESPONSE_MEDIA_TYPE), accept.quality(JSON)
    knows = accept.names(RESPONSE_MEDIA_TYPE)
    return RESPONSE_MEDIA_TYPE if newer > older or (knows and newer == older) else JSON
