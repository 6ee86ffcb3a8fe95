"""Clients that place and cancel orders over both APIs, and try again with the same key until they know the outcome."""

import asyncio
import random
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from dev.ports import LOOPBACK

#: Codes of documented errors that say: ask again (docs/api-v1.md).
AGAIN = {"SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED"}
PLACE = """mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) { order { databaseId } replayed errors { code } }
}"""
CANCEL = (
    "mutation ($id: ID!) { cancelOrder(input: {id: $id}) { order { databaseId status } errors { code } } }"
)
REQUEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one request came to: the order's id where it is known; ``wrong`` says what is wrong with the answer."""

    order_id: int | None = None
    done: bool = False
    wrong: str = ""


@dataclass(slots=True)
class Wish:
    """One order that a client wants: what it asks for, and what it was told."""

    key: str
    user: int
    items: list[tuple[int, int]]
    cancels: bool
    told: set[int] = field(default_factory=set)
    finished: bool = False


@dataclass
class Tally:
    """What the clients of a row saw."""

    wishes: list[Wish] = field(default_factory=list)
    requests: int = 0
    #: Requests that ended without an answer, because the process that had them was killed.
    cut: int = 0
    #: Answers that are neither right nor a documented error.
    dirty: list[str] = field(default_factory=list)
    longest: float = 0.0

    @property
    def placed(self) -> int:
        """How many orders were acknowledged."""
        return sum(bool(wish.told) for wish in self.wishes)


class Load:
    """Clients of one row.

    Args:
        row: name of the row, with which keys and addresses begin.
        ports: of the API processes.
        tokens: of the users.
        products: what is ordered.
        seed: of the wishes.
        cancels: share of orders that are cancelled at once.
        clients: how many at once.
    """

    def __init__(
        self,
        row: str,
        ports: Sequence[int],
        tokens: Sequence[str],
        products: Sequence[int],
        *,
        seed: str,
        cancels: float = 0.2,
        clients: int = 12,
    ) -> None:
        self.row, self._ports, self._tokens, self._products = row, ports, tokens, products
        self._random = random.Random(seed)
        self._cancels, self._clients = cancels, clients
        self.tally = Tally()
        #: Whether a request may end without an answer: where API processes are killed.
        self.may_cut = False
        self.gives_up = False

    def want(self, number: int, *, products: Sequence[int] = ()) -> list[Wish]:
        """Make up so many orders, of these products or of any, and enter them into the tally."""
        wishes = [self._wish(products or self._products) for _ in range(number)]
        self.tally.wishes += wishes
        return wishes

    async def place(self, number: int, *, products: Sequence[int] = ()) -> None:
        """Place so many orders, of these products or of any."""
        queue = iter(self.want(number, products=products))
        async with _new_http() as http:
            await asyncio.gather(*(self._client(http, queue) for _ in range(min(number, self._clients))))

    async def cancel(self, wishes: Sequence[Wish], *, clients: int) -> None:
        """Cancel orders that were placed, or learn that it is too late."""
        queue = iter(wishes)

        async def cancel(http: httpx.AsyncClient) -> None:
            for wish in queue:
                await self._insist(http, wish, min(wish.told))

        async with _new_http() as http:
            await asyncio.gather(*(cancel(http) for _ in range(clients)))

    def _wish(self, products: Sequence[int]) -> Wish:
        chosen = self._random.sample(list(products), self._random.randint(1, min(3, len(products))))
        return Wish(
            key=f"{self.row}/{self._random.getrandbits(60):x}",
            user=self._random.randrange(len(self._tokens)),
            items=[(product, self._random.randint(1, 3)) for product in chosen],
            cancels=self._random.random() < self._cancels,
        )

    async def _client(self, http: httpx.AsyncClient, queue: Any) -> None:
        for wish in queue:
            await self._insist(http, wish, None)
            if self.gives_up:
                return
            # The same key again, over either API, is the same order.
            if self._random.random() < 0.15:
                await self._insist(http, wish, None)
            if wish.cancels and wish.told:
                await self._insist(http, wish, min(wish.told))
            wish.finished = True

    async def _insist(self, http: httpx.AsyncClient, wish: Wish, cancelled: int | None) -> None:
        """Ask until it is known what has become of it."""
        pause = 0.05
        while not self.gives_up:
            graphql = self._random.random() < 0.5
            port = self._random.choice(self._ports)
            attempt = await self._ask(http, wish, cancelled, f"http://{LOOPBACK}:{port}", graphql=graphql)
            if attempt.wrong:
                self.tally.dirty.append(attempt.wrong)
            if attempt.order_id is not None:
                wish.told.add(attempt.order_id)
            if attempt.done:
                return
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 2)

    async def _ask(
        self, http: httpx.AsyncClient, wish: Wish, cancelled: int | None, address: str, *, graphql: bool
    ) -> Attempt:
        headers = {"Authorization": f"Bearer {self._tokens[wish.user]}"}
        if graphql:
            url, body = f"{address}/graphql", _graphql(wish, cancelled)
        elif cancelled is None:
            url, body = f"{address}/api/v1/orders", _rest(wish)
            headers["Idempotency-Key"] = wish.key
        else:
            url, body = f"{address}/api/v1/orders/{cancelled}/cancel", None
        started = time.monotonic()
        self.tally.requests += 1
        try:
            answer = await http.post(url, json=body, headers=headers)
        except httpx.ConnectError:
            return Attempt()  # nobody listens: a proxy in front would have asked another one
        except httpx.TransportError as error:
            self.tally.cut += 1
            return Attempt(wrong="" if self.may_cut else f"{url}: no answer: {error!r}")
        finally:
            self.tally.longest = max(self.tally.longest, time.monotonic() - started)
        return (_judge_graphql if graphql else _judge_rest)(answer, cancelled)


def _new_http() -> httpx.AsyncClient:
    # A connection for each request: the server may close one that is idle just as it is used again.
    fresh = httpx.Limits(max_keepalive_connections=0, max_connections=None)
    return httpx.AsyncClient(timeout=REQUEST_SECONDS, limits=fresh, trust_env=False)


def _rest(wish: Wish) -> dict[str, Any]:
    items = [{"product_id": product, "quantity": quantity} for product, quantity in wish.items]
    return {"items": items, "shipping_address": wish.key}


def _graphql(wish: Wish, cancelled: int | None) -> dict[str, Any]:
    if cancelled is not None:
        return {"query": CANCEL, "variables": {"id": global_id("Order", cancelled)}}
    items = [
        {"productId": global_id("Product", product), "quantity": quantity} for product, quantity in wish.items
    ]
    values = {"items": items, "shippingAddress": wish.key, "idempotencyKey": wish.key}
    return {"query": PLACE, "variables": {"input": values}}


def global_id(kind: str, number: int) -> str:
    """Return the id of a node of GraphQL."""
    return b64encode(f"{kind}:{number}".encode()).decode()


def _judge_rest(answer: httpx.Response, cancelled: int | None) -> Attempt:
    wrong = f"{answer.request.url}: {answer.status_code} {answer.text[:300]}"
    try:
        body = orjson.loads(answer.content)
        if answer.status_code == (201 if cancelled is None else 200):
            return Attempt(order_id=body["id"] if cancelled is None else None, done=True)
        code, _ = body["error_code"], body["detail"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Attempt(wrong=wrong)
    if cancelled is not None and (answer.status_code, code) == (400, "ORDER_NOT_CANCELLABLE"):
        return Attempt(done=True)
    return Attempt() if answer.status_code == 503 and code in AGAIN else Attempt(wrong=wrong)


def _judge_graphql(answer: httpx.Response, cancelled: int | None) -> Attempt:
    wrong = f"{answer.request.url}: {answer.status_code} {answer.text[:300]}"
    try:
        body = orjson.loads(answer.content)
        if errors := body.get("errors"):
            expected = {error["extensions"]["code"] for error in errors} <= AGAIN
            return Attempt() if expected and answer.status_code in (200, 503) else Attempt(wrong=wrong)
        payload = body["data"]["createOrder" if cancelled is None else "cancelOrder"]
        codes = {error["code"] for error in payload["errors"]}
        if cancelled is not None and codes == {"ORDER_NOT_CANCELLABLE"}:
            return Attempt(done=True)
        if codes:
            return Attempt(wrong=wrong)
        return Attempt(order_id=payload["order"]["databaseId"], done=True)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Attempt(wrong=wrong)
