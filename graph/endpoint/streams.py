"""Answers as a stream of one HTTP response: server-sent events, or multipart.

The protocols: github.com/graphql/graphql-over-http, rfcs/GraphQLOverSSE.md, and Apollo's "multipart protocol for
GraphQL subscriptions". Strawberry writes both; this module says who gets which, and what goes into them.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from operator import attrgetter

from graphql import OperationType
from starlette.responses import Response, StreamingResponse
from strawberry.http.streaming import (
    MULTIPART_SUBSCRIPTION_BOUNDARY as BOUNDARY,
)
from strawberry.http.streaming import (
    MultipartSubscriptionTransport,
    SSETransport,
    merge_stream_with_heartbeat,
)

from core.http.media_types import Accept, MediaRange
from graph.endpoint.messages import Answer, encode

_SUBSCRIPTIONS = frozenset({OperationType.SUBSCRIPTION})


class EventStream(SSETransport):
    """Server-sent events, ended by LF: between CRLF, urql 6 does not find them. Both are right by the standard."""

    #: What the stream begins with.
    opening = ""
    #: Strawberry's ``no-cache`` lets a cache keep what it must ask about.
    headers = {**SSETransport.headers, "Cache-Control": "no-store, no-transform"}

    def matches(self, element: MediaRange) -> bool:
        """Tell whether an element of ``Accept`` asks for this kind of stream."""
        return element.name == self.headers["Content-Type"]

    def allows(self, by_method: frozenset[OperationType]) -> frozenset[OperationType]:
        """Return the types of operations that can be streamed, by those that the HTTP method allows."""
        return by_method | _SUBSCRIPTIONS

    def encode_event(self, event: str, data: str | None = None) -> str:
        return super().encode_event(event, data).replace("\r\n", "\n")

    def encode_comment(self, comment: str) -> str:
        return super().encode_comment(comment).replace("\r\n", "\n")


class MultipartStream(MultipartSubscriptionTransport):
    """Parts of JSON (RFC 2046 section 5.1); for subscriptions alone.

    A part is sent with the delimiter behind it, so that a client knows at once that it is whole. Strawberry's stream
    lacks the first delimiter and ends with an empty part, and its Content-Type is no media type.
    """

    opening = f"--{BOUNDARY}"

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers of the response: no proxy may keep or change what passes, as in an event stream."""
        media_type = f'multipart/mixed; boundary="{BOUNDARY}"; subscriptionSpec=1.0'
        return {**EventStream.headers, "Content-Type": media_type}

    def encode_complete(self) -> str:
        """Return what makes a closing delimiter of the one behind the last part."""
        return "--\r\n"

    def matches(self, element: MediaRange) -> bool:
        """Tell whether an element of ``Accept`` asks for this kind of stream."""
        return self.accepts_content_type(element.name, dict(element.parameters))

    def allows(self, _by_method: frozenset[OperationType]) -> frozenset[OperationType]:
        """Return the types of operations that can be streamed."""
        return _SUBSCRIPTIONS


StreamTransport = EventStream | MultipartStream
_TRANSPORTS: tuple[StreamTransport, ...] = (EventStream(), MultipartStream())


def stream_transport(accept: Accept) -> StreamTransport | None:
    """Return how to stream to a client; None if it wants a single answer.

    A stream goes to a client that wants it rather than JSON, or nothing else. urql names both on every request, JSON
    first unless it subscribes.
    """
    for transport in _TRANSPORTS:
        elements = sorted(filter(transport.matches, accept.ranges), key=attrgetter("rank"))
        if elements and accept.prefers(elements[0], over="application"):
            return transport
    return None


def stream_response(
    transport: StreamTransport, answers: Answer | AsyncGenerator[Answer, None]
) -> StreamingResponse:
    """Return the response that sends each answer as it comes, and signs of life in between."""

    async def events() -> AsyncGenerator[str, None]:
        if isinstance(answers, Answer):
            yield _encode_next(transport, answers)
        else:
            async with aclosing(answers):
                async for answer in answers:
                    yield _encode_next(transport, answer)
        yield transport.encode_complete()

    stream = merge_stream_with_heartbeat(
        events,
        lambda: transport.heartbeat_message(_encode_text),
        interval=transport.heartbeat_interval,
        send_initial_heartbeat=transport.send_initial_heartbeat,
    )

    async def body() -> AsyncGenerator[str, None]:
        if transport.opening:
            yield transport.opening
        async with aclosing(stream()) as parts:
            async for part in parts:
                yield part

    return StreamingResponse(body(), headers=dict(transport.headers))


def stream_head(
    transport: StreamTransport,
    answers: Answer | AsyncGenerator[Answer, None],  # noqa: ARG001  # never begun, it holds nothing
) -> Response:
    """Return the headers of :func:`stream_response` alone: whoever asks by HEAD waits for no event."""
    response = Response(headers=dict(transport.headers))
    del response.headers["Content-Length"]
    return response


def _encode_next(transport: StreamTransport, answer: Answer) -> str:
    return transport.encode_next(answer.fragment, _encode_text)  # type: ignore[arg-type]


def _encode_text(message: object) -> str:
    return encode(message).decode()
