"""The load generator: where answers end, and that it counts what a real server answered."""

import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from benchmarks.load import Load, LoadError, Plan, answer_size, is_good

REQUEST = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@contextmanager
def server(answer: bytes | None, *, pieces: int = 1) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    """Answer every request alike, in *pieces* (hang up where there is none); tell who asked for what."""
    seen: list[tuple[int, bytes]] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            # The load hangs up in the midst of an answer.
            with suppress(OSError):
                while (line := self.rfile.readline()) and answer is not None:
                    while self.rfile.readline().strip():
                        pass
                    seen.append((self.client_address[1], line.split()[1]))
                    step = -(-len(answer) // pieces)
                    for start in range(0, len(answer), step):
                        self.request.sendall(answer[start : start + step])

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listening.server_address[1], seen
        finally:
            listening.shutdown()
            thread.join()


def plan(port: int, *requests: str) -> Plan:
    return Plan(port, pid=0, requests=list(requests or (REQUEST,)), connections=2, lead=0.0, seconds=0.1)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5),
        (b"HTTP/1.1 200 OK\r\ncontent-length:  12  \r\nx: y\r\n\r\n", 12),
        (b"HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\nContent-Length: 0\r\n\r\n", 0),
    ],
)
def test_an_answers_size_is_in_its_head(head: bytes, body: int) -> None:
    assert answer_size(head + b"and what has arrived of the rest") == len(head) + body


def test_an_answer_in_chunks_tells_no_size() -> None:
    assert answer_size(CHUNKED) == -1


def test_half_a_head_tells_nothing() -> None:
    assert answer_size(PLAIN[:20]) is None


def test_only_a_200_without_errors_is_good() -> None:
    assert is_good(PLAIN)
    # A schema that tells of a field of that name.
    assert is_good(b'HTTP/1.1 200 OK\r\n\r\n{"data":{"fields":[{"name":"errors"}]}}')
    assert not is_good(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")
    assert not is_good(b'HTTP/1.1 200 OK\r\n\r\n{"data":null,"errors":[]}')


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
@pytest.mark.parametrize("pieces", [1, 4])
def test_every_answer_is_counted_once(answer: bytes, pieces: int) -> None:
    with server(answer, pieces=pieces) as (port, seen):
        result = Load(plan(port)).run()
    assert result.answered > 2
    assert result.failed == 0
    # What was still on its way at the end does not count.
    assert result.answered <= len(seen) <= result.answered + 4
    assert 0 < result.p50 <= result.p90 <= result.p99 <= result.slowest


def test_a_turn_goes_on_until_every_connection_has_had_some_answers() -> None:
    with server(PLAIN) as (port, _):
        hasty = replace(plan(port), seconds=0.001, lead=0.001)
        result = Load(hasty).run()
    # But not for ever, should the machine be as slow as that.
    assert result.answered >= 8 or result.seconds >= 0.02


def test_services_are_measured_beside_the_server() -> None:
    with server(PLAIN) as (port, _):
        result = Load(replace(plan(port), services={"this": os.getpid()})).run()
    assert result.services_cpu_seconds["this"] > 0


def test_refusals_count_as_failed() -> None:
    with server(PLAIN.replace(b"200 OK", b"503 Go")) as (port, _):
        result = Load(plan(port)).run()
    assert result.failed == result.answered > 0


def test_connections_begin_at_different_requests() -> None:
    requests = [REQUEST.replace("/ ", f"/{n} ") for n in range(4)]
    with server(PLAIN) as (port, seen):
        Load(plan(port, *requests)).run()
    firsts = dict(reversed(seen))
    assert set(firsts.values()) == {b"/0", b"/2"}
    assert {target for _, target in seen} == {b"/0", b"/1", b"/2", b"/3"}


def test_a_server_that_hangs_up_is_told() -> None:
    with server(None) as (port, _), pytest.raises(LoadError, match="closed a connection"):
        Load(plan(port)).run()
