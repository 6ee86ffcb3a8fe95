"""What clients do in the bench of writes: place orders, watch them come to their end, sign in."""

import asyncio
import itertools
import os
import selectors
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.load import Connection
from benchmarks.product import ServiceError, encode_id

#: Seconds to wait for one answer.
PATIENCE = 30.0
PLACE = """mutation Place($input: CreateOrderInput!) {
  createOrder(input: $input) { replayed order { id databaseId status } errors { code message } }
}"""
LOGIN = "mutation Login($input: LoginInput!) { login(input: $input) { accessToken errors { code } } }"
FOLLOW = "subscription { orderEvents { status order { databaseId } } }"
WATCH = "subscription Watch($id: ID!) { orderUpdated(id: $id) { databaseId status } }"


class Orders(Sequence[bytes]):
    """A sequence, as good as endless, of requests that place an order each, every one with a key of its own."""

    def __init__(self, port: int, tokens: Sequence[str], products: int) -> None:
        self._port = port
        self._tokens = tokens
        self._run = os.urandom(6).hex()
        self._numbers = itertools.count()
        self._ids = [encode_id("Product", number) for number in range(1, products + 1)]

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, _: Any) -> Any:
        number = next(self._numbers)
        items = [
            {"productId": self._ids[(number * 7 + line * 1231) % len(self._ids)], "quantity": line}
            for line in (1, 2, 3)
        ]
        values = {
            "items": items,
            "shippingAddress": "1 Main Street, Springfield",
            "idempotencyKey": f"{self._run}-{number}",
        }
        return post(self._port, PLACE, values, token=self._tokens[number % len(self._tokens)])


def is_placed(answer: bytes) -> bool:
    """Tell whether the answer to ``PLACE`` has an order that waits for a worker."""
    return b'"PENDING"' in answer


def post(port: int, query: str, values: dict[str, Any], *, token: str | None = None) -> bytes:
    """Return a whole HTTP request of one mutation."""
    body = orjson.dumps({"query": query, "variables": {"input": values}})
    head = [
        "POST /graphql HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Answered:
    """How many answers came in how many seconds."""

    count: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds


def keep_asking(
    port: int,
    requests: Sequence[bytes],
    *,
    clients: int,
    seconds: float,
    lead: float,
    good: Callable[[bytes], bool],
) -> Answered:
    """Let each of *clients* send one request after another; the first *lead* seconds do not count.

    Raises:
        ServiceError: answers that count are not *good*.
    """
    selector = selectors.DefaultSelector()
    for number in range(clients):
        connection = Connection(port, requests, number)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send()
    for _ in _answers(selector, time.perf_counter() + lead):
        pass
    began, count, bad = time.perf_counter(), 0, 0
    for answer in _answers(selector, began + seconds):
        count += 1
        bad += not good(answer)
    ended = time.perf_counter()
    for key in selector.get_map().values():
        key.data.socket.close()
    if bad:
        raise ServiceError(f"{bad} of {count} answers are not what was asked for")
    return Answered(count, ended - began)


def _answers(selector: selectors.DefaultSelector, deadline: float) -> Iterator[bytes]:
    while time.perf_counter() < deadline:
        for key, _ in selector.select(1.0):
            answer = key.data.receive()
            if answer is not None:
                yield answer
                key.data.send()


async def until_completed(port: int, token: str, orders: Orders, *, samples: int) -> dict[str, list[float]]:
    """Place orders one after another, on an idle system, and time how long after the answer each is completed.

    Returns:
        Milliseconds from the answer to the event: of a subscription to all of the viewer's orders that was open
        before (``followed``), and of one to this order, begun at the answer (``watched``).
    """
    times: dict[str, list[float]] = {"followed": [], "watched": []}
    async with connect(
        f"ws://127.0.0.1:{port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]
    ) as socket:
        await _send(socket, type="connection_init", payload={"authorization": f"Bearer {token}"})
        await socket.recv()
        await _send(socket, type="subscribe", id="all", payload={"query": FOLLOW})
        await asyncio.sleep(0.3)
        for number in range(samples):
            answer = await asyncio.to_thread(_ask, port, orders)
            answered = time.perf_counter()
            order = orjson.loads(answer[answer.index(b"\r\n\r\n") + 4 :])["data"]["createOrder"]["order"]
            payload = {"query": WATCH, "variables": {"id": order["id"]}}
            await _send(socket, type="subscribe", id=f"one-{number}", payload=payload)
            for kind, moment in await _completed(socket, order["databaseId"]):
                times[kind].append((moment - answered) * 1000)
            await asyncio.sleep(0.02)
    return times


def _ask(port: int, requests: Sequence[bytes]) -> bytes:
    # Each time on a new connection: the server closes one that says nothing for five seconds.
    connection = Connection(port, requests, 0)
    connection.socket.settimeout(PATIENCE)
    connection.send()
    while (answer := connection.receive()) is None:
        pass
    connection.socket.close()
    return answer


async def _completed(socket: ClientConnection, order_id: int) -> list[tuple[str, float]]:
    """Wait until both subscriptions have told of the order's completion."""
    moments: dict[str, float] = {}
    async with asyncio.timeout(30):
        while len(moments) < 2:
            message = orjson.loads(await socket.recv())
            if message["type"] != "next":
                continue
            ((field, told),) = message["payload"]["data"].items()
            order = told.get("order", told)
            if told["status"] == "COMPLETED" and order["databaseId"] == order_id:
                moments["followed" if field == "orderEvents" else "watched"] = time.perf_counter()
    return list(moments.items())


async def _send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(orjson.dumps(message).decode())
