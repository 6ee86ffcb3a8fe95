"""What a client sends and gets, whichever way it comes and goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from core.errors import AnswerTooLarge
from core.metrics import observe_error
from graph.endpoint.request_errors import RequestError


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What a client sends (GraphQL over HTTP, section 5.1), of the right types already.

    Args:
        query: the text of a document, unless it is named by *document_id* or by its hash in *extensions*.
        name: which of the document's operations to run; may be left out if there is but one.
    """

    query: str | None = None
    name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the request that a client's parameters make, whose types are checked; empty names name nothing."""
        get = parameters.get
        return cls(
            get("query"),
            _name(get("operationName")),
            get("variables"),
            get("extensions"),
            _name(get("documentId")),
        )


def _name(sent: Any) -> Any:
    return None if sent == "" else sent


@dataclass(slots=True)
class Answer:
    """What an operation, or one event of a subscription, has come to, as the client may see it.

    Args:
        errors: presented, formatted as in the specification (section 7.1.2).
        request_error: why nothing was executed; there is no ``data`` then.
        was_stopped: whether its time was up.
    """

    data: dict[str, Any] | None = None
    errors: Sequence[Any] = ()
    extensions: dict[str, Any] = field(default_factory=dict)
    request_error: RequestError | None = None
    was_stopped: bool = False
    _encoded: bytes | None = None

    def payload(self) -> dict[str, Any]:
        """Return the response map (GraphQL specification, section 7.1); times in it are for :func:`encode`."""
        payload: dict[str, Any] = {} if self.request_error else {"data": self.data}
        if self.errors:
            payload["errors"] = self.errors
        if self.extensions:
            payload["extensions"] = self.extensions
        return payload

    @property
    def codes(self) -> list[str]:
        """The codes of its errors, each once: as many as :class:`core.errors.ErrorCode` has at most."""
        return list(dict.fromkeys(error["extensions"]["code"] for error in self.errors))

    def encode(self) -> bytes:
        """Return the response map as JSON."""
        if self._encoded is None:
            self._encoded = encode(self.payload())
        return self._encoded

    @property
    def fragment(self) -> orjson.Fragment:
        """The response map for messages around it: :func:`encode` writes it as it was encoded before."""
        return orjson.Fragment(self.encode())

    def within(self, max_bytes: int) -> Self:
        """Return the answer, or in its place, if it has more bytes, an error without data.

        What a mutation has done stays done.
        """
        if len(self.encode()) <= max_bytes:
            return self
        error = AnswerTooLarge()
        observe_error("graphql", error.code)
        told = {"message": error.message, "extensions": {"code": error.code.value}}
        return type(self)(None, [told], self.extensions, self.request_error, self.was_stopped)


def encode(message: object) -> bytes:
    """Return a payload, or a message around one, as JSON."""
    # As the scalar writes times, which the executor leaves to the encoder.
    return orjson.dumps(message, option=orjson.OPT_UTC_Z)
