"""What one connection may take of a server process, and how many of them one sender may have."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

Headers = list[tuple[bytes, bytes]]


def _refuse(status: int) -> tuple[Headers, bytes]:
    return [(b"content-type", b"text/plain; charset=utf-8")], HTTPStatus(status).phrase.encode()


@dataclass
class ConnectionLimits:
    """The bounds of a connection, and the counts of the connections that are open.

    Args:
        head_bytes: of a request's head, and of the trailers behind a body (RFC 6585 section 5).
        head_fields: lines of either.
        head_seconds: from the opening of a connection, or the first byte of a later head, to the end of the head.
        write_seconds: in which a client takes at least :data:`engine.http.connection.LEAST_TAKEN` bytes, or all
            that there is for it.
        connections: that one sender may have open at once; 0 is no bound.
        sender_of: returns who counts as one sender, by the address of its end of the connection; None: not counted.
        refuse: returns the headers and the body of an answer that the protocol gives itself, by its status: 400, 408,
            414, 429 or 431.
    """

    head_bytes: int = 65_536
    head_fields: int = 100
    head_seconds: float = 15
    write_seconds: float = 30
    connections: int = 0
    sender_of: Callable[[str], str | None] = str
    refuse: Callable[[int], tuple[Headers, bytes]] = _refuse
    #: How many connections each sender has open.
    counted: Counter[str] = field(default_factory=Counter, init=False)

    def admit(self, address: str) -> str | None:
        """Count a connection, and return its sender, for :meth:`release`; None where it is not counted."""
        sender = self.sender_of(address) if self.connections else None
        if sender is not None:
            self.counted[sender] += 1
        return sender

    def is_exceeded(self, sender: str | None) -> bool:
        """Tell whether a sender has more connections than it may."""
        return sender is not None and self.counted[sender] > self.connections

    def release(self, sender: str | None) -> None:
        """Count a connection no longer."""
        if sender is not None:
            self.counted[sender] -= 1
            if not self.counted[sender]:
                del self.counted[sender]
