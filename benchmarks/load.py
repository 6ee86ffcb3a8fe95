"""The load generator: a few keep-alive connections, each with one request on its way at any time.

A process of its own, ``python -m benchmarks.load``, so that it shares no interpreter with anything measured. It sends
bytes made beforehand and reads no more of an answer than where it ends, which costs it some 20 microseconds a request:
little enough to leave PostgreSQL, beside which it runs, its processor. ``--servers ceiling`` measures that.
"""

import json
import os
import selectors
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.machine import Usage, family, usage_of_all

#: At many connections a turn goes on until each has had about so many answers: a p99 of fewer says nothing.
_ANSWERS_EACH = 4
#: So many before them do not count: all connections begin at once, and their first answers queue as no later ones do.
_ANSWERS_AHEAD = 2
#: Times of its length that a turn may take for them, and seconds that its lead may.
_AT_MOST, _LEAD_AT_MOST = 20, 6.0
#: Larger ones would be mapped anew from the system for each answer.
_MOST = 1 << 16
_PATIENCE = 30.0


@dataclass(frozen=True)
class Plan:
    """What to send where, for how long.

    Attributes:
        pid: the server's process; its processor time and that of its descendants is measured.
        requests: whole HTTP/1.1 requests (as Latin-1 text); every connection goes round them.
        lead: seconds of load that do not count; they last until every connection may have had two answers.
        seconds: seconds that do, at least.
        services: processes beside the server, by name, whose processor time is measured as well.
    """

    port: int
    pid: int
    requests: list[str]
    connections: int
    lead: float
    seconds: float
    services: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came back while it counted. Latencies are milliseconds, processor times seconds.

    Attributes:
        services_cpu_seconds: what the services of the plan have used meanwhile, by their names.
    """

    seconds: float
    answered: int
    failed: int
    p50: float
    p90: float
    p99: float
    slowest: float
    cpu_seconds: float
    peak_bytes: int
    own_cpu_seconds: float
    services_cpu_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


class LoadError(Exception):
    """The server hung up or fell silent."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the *ordered* values that at least *share* (0 to 1) of them do not exceed."""
    if not ordered:
        return 0.0
    rank = -(-share * len(ordered) // 1)
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


class Connection:
    """One keep-alive connection and the answer that is arriving on it."""

    def __init__(self, port: int, requests: Sequence[bytes], first: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # With a timeout every call would first ask whether it may go ahead.
        self.socket.setblocking(False)
        self._requests = requests
        self._next = first
        self._received = b""
        self._size: int | None = None
        self.sent_at = 0.0

    def send(self) -> None:
        """Send the next request."""
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        self._received, self._size = b"", None
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Take what has arrived, and return the answer if that completes it.

        Raises:
            LoadError: the server has hung up.
        """
        chunk = self.socket.recv(_MOST)
        if not chunk:
            raise LoadError("the server closed a connection while it was answering")
        received = self._received = self._received + chunk if self._received else chunk
        if self._size is None:
            self._size = answer_size(received)
        if self._size is None:
            return None
        if self._size < 0:
            return received if received.endswith(b"0\r\n\r\n") else None
        return received if len(received) >= self._size else None


def answer_size(received: bytes) -> int | None:
    """Return how long the whole answer is; -1 for one in chunks, None while its head is not complete."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[:end].lower() + b"\r\n"
    at = head.find(b"\r\ncontent-length:")
    return -1 if at < 0 else end + 4 + int(head[at + 17 : head.index(b"\r\n", at + 2)])


def is_good(answer: bytes) -> bool:
    """Tell whether it is a 200 without GraphQL errors."""
    return answer.startswith(b"HTTP/1.1 200") and b'"errors":' not in answer


class Load:
    """A run of one plan."""

    def __init__(self, plan: Plan) -> None:
        requests = [request.encode("latin-1") for request in plan.requests]
        apart = max(1, len(requests) // plan.connections)
        self._plan = plan
        self._selector = selectors.DefaultSelector()
        self._connections = [Connection(plan.port, requests, n * apart) for n in range(plan.connections)]
        self._latencies: list[float] = []
        self._failed = 0

    def run(self) -> Result:
        """Send until the time is over, and hang up.

        Raises:
            LoadError: the server hung up, or fell silent.
            OSError: likewise, as the system puts it.
        """
        try:
            return self._run()
        finally:
            for connection in self._connections:
                connection.socket.close()
            self._selector.close()

    def _run(self) -> Result:
        for connection in self._connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        lead, seconds, connections = self._plan.lead, self._plan.seconds, self._plan.connections
        if lead:
            self._until(lead, answers=_ANSWERS_AHEAD * connections, at_most=lead + _LEAD_AT_MOST)
        pids = {name: family(pid) for name, pid in {"": self._plan.pid, **self._plan.services}.items()}
        self._latencies, self._failed = [], 0
        used = {name: usage_of_all(each) for name, each in pids.items()}
        own, started = time.process_time(), time.perf_counter()
        ended = self._until(seconds, answers=_ANSWERS_EACH * connections, at_most=_AT_MOST * seconds)
        own = time.process_time() - own
        using = {name: usage_of_all(each) for name, each in pids.items()}
        return self._result(ended - started, used, using, own)

    def _until(self, seconds: float, *, answers: int, at_most: float) -> float:
        """Go on for so many seconds, and until there are so many answers; return when that was."""
        clock, select = time.perf_counter, self._selector.select
        started = clock()
        while (now := clock()) - started < (seconds if len(self._latencies) >= answers else at_most):
            events = select(_PATIENCE)
            if not events:
                raise LoadError(f"the server did not answer within {_PATIENCE:.0f} seconds")
            for key, _ in events:
                connection: Connection = key.data
                answer = connection.receive()
                if answer is not None:
                    self._latencies.append(clock() - connection.sent_at)
                    self._failed += not is_good(answer)
                    connection.send()
        return now

    def _result(
        self, seconds: float, before: Mapping[str, Usage], after: Mapping[str, Usage], own: float
    ) -> Result:
        # One that ends in the midst of the second reading is in neither place, so a difference may be below nothing.
        spent = {name: max(0.0, after[name].cpu_seconds - before[name].cpu_seconds) for name in after}
        ordered = sorted(latency * 1000 for latency in self._latencies)
        return Result(
            seconds=seconds,
            answered=len(ordered),
            failed=self._failed,
            p50=percentile(ordered, 0.50),
            p90=percentile(ordered, 0.90),
            p99=percentile(ordered, 0.99),
            slowest=ordered[-1] if ordered else 0.0,
            cpu_seconds=spent.pop(""),
            peak_bytes=after[""].peak_bytes,
            own_cpu_seconds=own,
            services_cpu_seconds=spent,
        )


def main() -> int:
    """Read a plan from standard input, and write its result to standard output."""
    try:
        result = Load(Plan(**json.load(sys.stdin))).run()
    except (LoadError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(asdict(result), sys.stdout)
    sys.stdout.flush()
    # Nothing to tidy up that the system does not.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
