"""Attacks of our own on a server as in production, each of which has held or not: see :func:`attack_all`.

Memory counts by what stays, never by seconds; whether the server is still there is asked after each.
"""

import hashlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from redis import Redis

from core.demo_people import CUSTOMER
from tasks.broker import QUEUE

JSON = {"Content-Type": "application/json"}
#: What may stay of an attack in memory, in bytes: less than one part of any of them that is kept for each request.
MAX_GROWTH = 24_000_000
#: Beyond which an attack on the lines of a request is cut off at last.
MAX_HEAD = 2_000_000
SECONDS = 60.0


@dataclass(frozen=True)
class Target:
    """A server, what it stands on, and what it has written; a worker is there, too.

    Args:
        address: of the server; its limits of sign-ins are on, those of requests off.
        process_id: of the server, whose memory is looked at.
    """

    address: str
    process_id: int
    redis_url: str
    log: Path

    def graphql(self, query: str, **more: Any) -> Any:
        """Return what is answered to an operation."""
        return httpx.post(f"{self.address}/graphql", json={"query": query} | more, timeout=SECONDS).json()

    def sign_in(self) -> int:
        """Return the status of a sign-in with the right password."""
        body = {"username": CUSTOMER.email, "password": CUSTOMER.password}
        return httpx.post(f"{self.address}/api/v1/auth/login", json=body, timeout=SECONDS).status_code

    def memory(self) -> int:
        """Return the memory of the server that is in use, in bytes (proc(5), statm)."""
        pages = int(Path(f"/proc/{self.process_id}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def codes(answer: Any) -> set[str]:
    """Return the codes of the errors of an answer."""
    return {error["extensions"]["code"] for error in answer.get("errors", ())}


def task_made_by_hand(target: Target) -> bool:
    """Have a token for an administrator mailed to oneself, by a task that nobody has signed (CWE-345)."""
    body = '{"task_id":"1","task_name":"mail_email_change","labels":{},"args":[1,"attacker@example.com",1],"kwargs":{}}'
    with Redis.from_url(target.redis_url, decode_responses=True) as redis:
        redis.xadd(QUEUE, {"data": body})
        deadline = time.monotonic() + SECONDS
        letters: Any = []
        while not letters and time.monotonic() < deadline:
            letters = redis.xrange(f"{QUEUE}:dead")
            time.sleep(0.05)
        return (
            any(letter["data"] == body for _, letter in letters) and "attacker@" not in target.log.read_text()
        )


def document_under_a_foreign_hash(target: Target) -> bool:
    """Have another document run than the one that a client names (CWE-345)."""
    digest = hashlib.sha256(b"{ viewerCan { nothing } }").hexdigest()
    with Redis.from_url(target.redis_url) as redis:
        redis.set(f"tandem:documents:{digest}", "{ products { totalCount } }")
    named = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    return codes(target.graphql("", extensions=named)) == {"PERSISTED_QUERY_NOT_FOUND"}


def notification_that_is_no_text(target: Target) -> bool:
    """End the subscriptions of a process by bytes that it cannot read (CWE-248)."""
    with Redis.from_url(target.redis_url) as redis:
        database = redis.connection_pool.connection_kwargs.get("db") or 0
        control = f"{database}/control"
        before = int(redis.pubsub_numsub(control)[0][1])
        redis.publish(control, b"\xff\xfe")
        time.sleep(1)
        return 0 < before == int(redis.pubsub_numsub(control)[0][1])


def path_with_lines(target: Target) -> bool:
    """Write lines of one's own into the log, and speak to the terminal that shows it (CWE-117, CWE-150)."""
    httpx.get(f"{target.address}/%0AFORGED%0D%1B%5B2J%C2%9B%E2%80%A8%E2%80%AEx", timeout=SECONDS)
    text = target.log.read_bytes().decode()
    return "\nFORGED" not in text and not any(character in text for character in "\x1b\x9b\u2028\u202e")


def sign_ins_by_aliases(target: Target) -> bool:
    """Lock somebody out by one document with many wrong passwords (CWE-645)."""
    before = target.sign_in()
    sign_in = f'login(input: {{email: "{CUSTOMER.email}", password: "wrong"}}) {{ accessToken }}'
    target.graphql(f"mutation {{ {' '.join(f'a{number}: {sign_in}' for number in range(29))} }}")
    return before == target.sign_in() == httpx.codes.OK


def names_of_operations(target: Target) -> bool:
    """Fill the memory by names of operations, each another one (CWE-770)."""

    def send(count: int) -> None:
        for number in range(count):
            name = f"{'x' * 900_000}{number}"
            body = {"query": "{ products { totalCount } }", "operationName": name}
            httpx.post(f"{target.address}/graphql", json=body, timeout=SECONDS)

    return _grows_little(target, send)


def headers_without_end(target: Target) -> bool:
    """Send lines of a head for as long as they are taken (CWE-770)."""
    parts = urlsplit(target.address)
    sent = 0
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=SECONDS) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: tandem\r\n")
        line = b"X-Flood: " + b"x" * 1_000 + b"\r\n"
        try:
            while sent < MAX_HEAD:
                connection.sendall(line * 20)
                sent += len(line) * 20
            connection.settimeout(1)
            answer = connection.recv(100)
        except (ConnectionError, BrokenPipeError):
            return True
        except TimeoutError:
            return False
    return not answer or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


def search_of_underscores(target: Target) -> bool:
    """Keep the database busy by a pattern (CWE-1333)."""
    answer = target.graphql(
        "query ($search: String) { products(search: $search) { totalCount } }",
        variables={"search": "_" * 99_000},
    )
    return not codes(answer) & {"DEADLINE_EXCEEDED", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE"}


def documents_that_are_never_kept(target: Target) -> bool:
    """Fill the memory by documents that are too long to be kept (CWE-770)."""

    def send(count: int) -> None:
        for number in range(count):
            target.graphql(f"query Q{number} {{ __typename }} #{'x' * 60_000}{time.monotonic_ns()}")

    return _grows_little(target, send)


def _grows_little(target: Target, send: Callable[[int], None]) -> bool:
    send(10)  # what a server has after the first requests, it has for all
    before = target.memory()
    send(100)
    return target.memory() - before < MAX_GROWTH


ATTACKS: tuple[Callable[[Target], bool], ...] = (
    task_made_by_hand,
    document_under_a_foreign_hash,
    notification_that_is_no_text,
    path_with_lines,
    names_of_operations,
    documents_that_are_never_kept,
    headers_without_end,
    search_of_underscores,
    sign_ins_by_aliases,
)


def attack_all(target: Target) -> dict[str, bool]:
    """Run every attack, and return which the server has withstood; it has to answer after each."""
    outcomes = {}
    for attack in ATTACKS:
        held = attack(target)
        is_there = httpx.get(f"{target.address}/health/live", timeout=SECONDS).is_success
        outcomes[f"attack: {attack.__name__.replace('_', ' ')}"] = held and is_there
    return outcomes
