"""Traffic that has made a server grow, or would: a list of small functions, to which others can be added.

One call is one turn of an attack; *number* is never the same again, so that no two turns need be alike. What the server
refuses is as good as what it answers, and so is a connection that it closes; only a defect of its own is not.
"""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from core.demo_people import CUSTOMER
from tests.clients.service import SOCKET_PROTOCOL

#: Connections that are held open at once; the oldest is given up then. Less than a process may have open files.
MAX_HELD = 200
_PIECE = 64 * 1024
#: Seconds that an attacker waits for a server that has stopped reading.
_SEND_SECONDS = 5.0
#: Somewhat less than the server takes as a body.
_BULK = 900_000
#: Longer than a document that is kept may be.
_LONG = 25_000


def _document(number: int, characters: int = 0) -> str:
    """Return a document of its own that is valid, of about 1,000 tokens and at least so many characters."""
    fields = "id databaseId name description version createdAt updatedAt archivedAt price { amount currency }"
    connections = " ".join(
        f"a{alias}: products(first: 1) {{ totalCount nodes {{ {fields} }} edges {{ cursor node {{ ...F }} }} }}"
        for alias in range(25)
    )
    text = f"query Q{number} {{ {connections} }} fragment F on Product {{ {fields} }}"
    return text.ljust(characters)


@dataclass
class Target:
    """The server that is attacked.

    Args:
        address: host and port.
        client: sends what an ordinary client would.
        token: an access token of the sample customer.
    """

    address: str
    client: httpx.AsyncClient
    token: str
    held: deque[asyncio.StreamWriter] = field(default_factory=deque)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Send one request; None if the server closed the connection instead of answering."""
        try:
            answer = await self.client.request(method, f"http://{self.address}{path}", **options)
        except httpx.TransportError:
            return None
        assert answer.status_code != 500, answer.text
        return answer

    async def ask(self, query: str, *, token: str | None = None, **more: Any) -> httpx.Response | None:
        """Send one operation of GraphQL."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.send("POST", "/graphql", json={"query": query} | more, headers=headers)

    async def hold(self, data: bytes) -> None:
        """Send *data* over a connection of its own, as far as the server takes it, and keep that open unread."""
        reader, writer = await asyncio.open_connection(*self.address.split(":"), limit=_PIECE)
        self.held.append(writer)
        if len(self.held) > MAX_HELD:
            self.held.popleft().transport.abort()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_SEND_SECONDS):
                for start in range(0, len(data), _PIECE):
                    writer.write(data[start : start + _PIECE])
                    await writer.drain()
                    if reader.at_eof():
                        return

    def release(self) -> None:
        """Give up what is held, without a word."""
        while self.held:
            self.held.popleft().transport.abort()


Turn = Callable[[Target, int], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """One of the list.

    Args:
        turns: so many would leave ``MIN_LEAK`` bytes, if each left what it brings or has made.
        held: whether its connections are still open when memory is looked at; else they are given up before.
    """

    turn: Turn
    turns: int
    held: bool

    @property
    def name(self) -> str:
        """What the function is called."""
        return self.turn.__name__


#: Bytes that the turns of a short form would leave at least, were there no bound.
MIN_LEAK = 40_000_000
ATTACKS: list[Attack] = []


def attack(turns: int, *, held: bool = False) -> Callable[[Turn], Turn]:
    """Add a function to the list."""

    def add(turn: Turn) -> Turn:
        ATTACKS.append(Attack(turn, turns, held))
        return turn

    return add


@attack(turns=50)
async def long_operation_names(target: Target, number: int) -> None:
    """A small document that is known, under ever new names of operations that it does not have."""
    await target.ask("query Small { __typename }")
    await target.ask("query Small { __typename }", operationName=f"n{number}".ljust(_BULK, "x"))


@attack(turns=20)
async def long_documents(target: Target, number: int) -> None:
    """Documents that are too long to be kept."""
    await target.ask(_document(number, _LONG), token=target.token)


@attack(turns=20)
async def kept_documents(target: Target, number: int) -> None:
    """Documents that are just short enough to be kept."""
    await target.ask(_document(number), token=target.token)


@attack(turns=20)
async def persisted_documents(target: Target, number: int) -> None:
    """Documents that clients register, each asked for by its hash before, as Apollo's clients do."""
    query = _document(number)
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}}
    await target.send("POST", "/graphql", json={"extensions": extensions})
    await target.ask(query, token=target.token, extensions=extensions)


@attack(turns=50)
async def large_values(target: Target, number: int) -> None:
    """Values of variables, and searches of wildcards, as long as a body may be."""
    query = "query Search($text: String) { products(first: 5, filter: { search: $text }) { nodes { id } } }"
    await target.ask(query, token=target.token, variables={"text": f"{number}".ljust(_BULK, "_")})


@attack(turns=30, held=True)
async def header_lines(target: Target, number: int) -> None:
    """A request whose head does not end."""
    line = b"X-Flood-%d: %s\r\n" % (number, b"x" * 1000)
    await target.hold(b"GET / HTTP/1.1\r\nHost: a\r\n" + line * (_BULK * 2 // len(line)))


@attack(turns=60)
async def half_requests(target: Target, number: int) -> None:
    """Half a head, or a head with half its body, by somebody who goes away then."""
    head = b"POST /graphql HTTP/1.1\r\nHost: a\r\nX-Number: %d\r\n" % number
    body = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % _BULK
    await target.hold(head + body + b" " * (_BULK - 100) if number % 4 else head)


@attack(turns=30)
async def unread_answers(target: Target, number: int) -> None:
    """Large answers that nobody reads."""
    fields = " ".join(
        f"a{alias}: products(first: 50) {{ nodes {{ id name description createdAt updatedAt }} }}"
        for alias in range(25)
    )
    body = json.dumps({"query": f"query Unread{number % 5} {{ {fields} }}"}).encode()
    head = (
        b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    await target.hold((head % len(body) + body) * 10)


@attack(turns=40)
async def sign_ins(target: Target, number: int) -> None:
    """Wrong passwords, several in a document, for ever new accounts from ever new networks of IPv6."""
    network = {"X-Forwarded-For": f"2001:db8:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}::1"}
    fields = " ".join(
        f'a{n}: login(input: {{ email: "{n}.{number}@example.com", password: "a wrong one" }}) {{ errors {{ code }} }}'
        for n in range(11)
    )
    await target.send("POST", "/graphql", json={"query": f"mutation {{ {fields} }}"}, headers=network)
    guess = {"username": f"{number}@example.com", "password": "x" * 60}
    await target.send("POST", "/api/v1/auth/login", json=guess, headers=network)


@attack(turns=30)
async def revoked_tokens(target: Target, number: int) -> None:
    """Sign-ins that end at once, and whose tokens go on being sent."""
    body = {"username": CUSTOMER.email, "password": CUSTOMER.password}
    address = {"X-Forwarded-For": f"198.18.{number >> 8 & 255}.{number & 255}"}
    answer = await target.send("POST", "/api/v1/auth/login", json=body, headers=address)
    if answer is None or not answer.is_success:
        return
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    for method, path in (("POST", "/auth/logout"), ("GET", "/auth/me"), ("GET", "/orders")):
        await target.send(method, f"/api/v1{path}", headers=token)


@attack(turns=30)
async def subscriptions(target: Target, number: int) -> None:
    """Sockets with many subscriptions, some of which end in good order and some without a word."""
    with suppress(OSError, WebSocketException):
        opening: Any = connect(
            f"ws://{target.address}/graphql", subprotocols=[SOCKET_PROTOCOL], open_timeout=60
        )
        async with opening as socket:
            payload = {"authorization": f"Bearer {target.token}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            await socket.recv()
            for id in range(20):
                asked = {"query": f"subscription S{number % 50} {{ orderEvents {{ cursor }} }}"}
                await socket.send(json.dumps({"type": "subscribe", "id": str(id), "payload": asked}))
            if number % 2:
                await socket.send(json.dumps({"type": "complete", "id": "1"}))
            else:
                socket.transport.abort()


@attack(turns=40)
async def mails(target: Target, number: int) -> None:
    """Mails that are asked for, for people there are and people there are not, which no server takes."""
    email = CUSTOMER.email if number % 4 == 0 else f"nobody{number}@example.com"
    mutation = f'mutation {{ requestPasswordReset(input: {{ email: "{email}" }}) {{ accepted }} }}'
    network = {"X-Forwarded-For": f"2001:db8:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}::2"}
    await target.send("POST", "/graphql", json={"query": mutation}, headers=network)


@attack(turns=60)
async def names_of_things(target: Target, number: int) -> None:
    """Paths, methods, origins, agents and ids that nobody has ever heard of."""
    headers = {
        "User-Agent": f"agent {number}".ljust(4000, "x"),
        "Origin": f"https://{number}.example.com",
        "X-Request-ID": f"{number}",
        "Idempotency-Key": f"{number}",
    }
    await target.send("GET", f"/api/v1/orders/{number}?page={number}", headers=headers)
    await target.send(f"M{number}", f"/nowhere/{number}".ljust(4000, "x"), headers=headers)
    await target.ask(f"{{ unknown{number} }}")
