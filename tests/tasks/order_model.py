"""What the shop promises of orders and of stock, told once more in plain Python.

The sources are docs/api-v1.md, docs/graphql.md and the decisions 1, 10, 26, 27, 28 and 32. Nothing here is the
product's own code, so that a rule that is changed there by mistake is not changed here as well.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Of the worker that ends, or hangs, with what it has claimed, and of the one that does not.
GONE, ABLE = "gone", "able"
MAX_RETRIES = 10
#: Seconds: by the settings' defaults, but for the attempts.
RESEND, LEASE, LONGEST_PAUSE = 10, 30, 600
MAX_ATTEMPTS = 2
#: When an open order is to be looked at again: it is time already, or will not be for long.
OVERDUE, LATER = "overdue", "later"
OPEN = ("pending", "processing")


class Refused(Exception):
    """What the caller is told instead of an answer.

    Args:
        code: the ``error_code``.
        item: the number of the item at fault, from 1.
    """

    def __init__(self, code: str, item: int | None = None) -> None:
        super().__init__(code, item)
        self.code, self.item = code, item


@dataclass
class Item:
    """An item of an order, at the price that was agreed to (in minor units)."""

    product: int
    quantity: int
    price: int
    billed: int = 0
    code: str | None = None
    available: int | None = None


@dataclass
class Order:
    """An order. *wait* tells when it is due: ``OVERDUE``, ``LATER`` or so many seconds from this step; None: never."""

    owner: int
    items: list[Item]
    status: str = "pending"
    code: str | None = None
    attempts: int = 0
    total: int = 0
    worker: str | None = None
    wait: str | float | None = RESEND
    #: Each is status, failure code, actor, worker, attempt.
    events: list[tuple[str, str | None, int | None, str | None, int | None]] = field(default_factory=list)
    #: Each is attempt, worker, error.
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    #: Whether its rows are such that no worker can read them.
    faulty: bool = False


@dataclass
class Product:
    """A product. Each entry of the ledger is delta, what was left, reason, order, actor."""

    price: int
    on_hand: int
    archived: bool = False
    ledger: list[tuple[int, int, str, int | None, int | None]] = field(default_factory=list)

    def move(self, delta: int, reason: str, order: int | None = None, actor: int | None = None) -> None:
        """Move stock, and note it."""
        self.on_hand += delta
        self.ledger.append((delta, self.on_hand, reason, order, actor))


Wanted = Sequence[tuple[int, int]]


@dataclass
class Shop:
    """All of it, under the ids that the real one gives."""

    admin: int
    orders: dict[int, Order] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    #: By user and key: what was asked for, and the order.
    keys: dict[tuple[int, str], tuple[object, int]] = field(default_factory=dict)
    references: set[tuple[int, str]] = field(default_factory=set)
    #: By key: what was asked for, and what was on hand before.
    adjustments: dict[str, tuple[tuple[int, int], int]] = field(default_factory=dict)

    def put_on_sale(self, product: int, price: int, on_hand: int) -> None:
        """Note a new product."""
        self.products[product] = Product(price, 0)
        if on_hand:
            self.products[product].move(on_hand, "initial", actor=self.admin)

    def place(
        self, user: int, items: Wanted, key: str | None, reference: str | None, expected: int | None
    ) -> int | None:
        """Return the order that was placed before by the key; None if there is to be a new one."""
        for number, (_, quantity) in enumerate(items, 1):
            if not 1 <= quantity <= 1_000_000:
                raise Refused("INVALID_QUANTITY", number)
        if key is not None and (user, key) in self.keys:
            asked, order = self.keys[user, key]
            if asked != (tuple(items), reference):
                raise Refused("IDEMPOTENCY_KEY_REUSED")
            return order
        if reference is not None and (user, reference) in self.references:
            raise Refused("REFERENCE_TAKEN")
        for number, (product, _) in enumerate(items, 1):
            if product not in self.products or self.products[product].archived:
                raise Refused("INVALID_PRODUCT", number)
        total = sum(self.products[product].price * quantity for product, quantity in items)
        if expected not in (None, total):
            raise Refused("PRICE_CHANGED")
        return None

    def accept(self, order: int, user: int, items: Wanted, key: str | None, reference: str | None) -> None:
        """Note the new order that :meth:`place` allowed."""
        priced = [Item(product, quantity, self.products[product].price) for product, quantity in items]
        self.orders[order] = Order(user, priced, events=[("pending", None, user, None, None)])
        if key is not None:
            self.keys[user, key] = (tuple(items), reference), order
        if reference is not None:
            self.references.add((user, reference))

    def cancel(self, user: int, number: int) -> None:
        """Cancel an order."""
        order = self._find(number)
        if user not in (self.admin, order.owner):
            raise Refused("NOT_OWNER")
        if order.status not in OPEN:
            raise Refused("ORDER_NOT_CANCELLABLE")
        order.status, order.worker, order.wait = "cancelled", None, None
        order.events.append(("cancelled", None, user, None, None))

    def retry(self, user: int, number: int) -> None:
        """Let a failed order be processed anew."""
        self._require_admin(user)
        order = self._find(number)
        times = sum(event[0] == "pending" for event in order.events) - 1
        if order.code != "PROCESSING_ERROR" or times >= MAX_RETRIES:
            raise Refused("ORDER_NOT_RETRYABLE")
        order.status, order.code, order.attempts, order.wait = "pending", None, 0, RESEND
        order.events.append(("pending", None, user, None, None))

    def adjust(
        self, user: int, product: int, delta: int, expected: int | None, key: str | None
    ) -> tuple[int, bool]:
        """Move stock by hand; return what is on hand then, and whether it was moved before."""
        self._require_admin(user)
        if delta == 0:
            raise Refused("INVALID_QUANTITY")
        if key is not None and key in self.adjustments:
            asked, before = self.adjustments[key]
            if asked != (product, delta) or expected not in (None, before):
                raise Refused("IDEMPOTENCY_KEY_REUSED")
            return self.products[product].on_hand, True
        found = self._product(product)
        if expected not in (None, found.on_hand):
            raise Refused("CONFLICT")
        if not 0 <= found.on_hand + delta <= 10**9:
            raise Refused("INVALID_QUANTITY")
        if key is not None:
            self.adjustments[key] = (product, delta), found.on_hand
        found.move(delta, "adjustment", actor=user)
        return found.on_hand, False

    def archive(self, user: int, product: int) -> None:
        """Take a product off sale."""
        self._require_admin(user)
        self._product(product).archived = True

    def pass_time(self, numbers: Sequence[int]) -> None:
        """Let leases and pauses of orders be over."""
        for number in numbers:
            if self.orders[number].status in OPEN:
                self.orders[number].wait = OVERDUE

    def sweep(self) -> set[int]:
        """Return what is sent to the workers. A lease that is over stays so, for that is what the next claim needs."""
        sent = {number for number, order in self.orders.items() if order.wait == OVERDUE}
        for number in sent:
            if self.orders[number].status == "pending":
                self.orders[number].wait = RESEND
        return sent

    def claim(self, number: int, worker: str) -> int | None:
        """Return the token of a claim on a new order; None where there is nothing to claim."""
        order = self.orders[number]
        if order.status != "pending":
            return None
        order.status, order.worker, order.wait = "processing", worker, LEASE
        order.events.append(("processing", None, None, worker, max(order.attempts, 1)))
        return order.attempts

    def claim_again(self, number: int, worker: str) -> int | None:
        """The same, of an order whose lease or pause is over. Who has not said how it ended is said to have expired."""
        order = self.orders[number]
        if order.status != "processing" or order.wait != OVERDUE:
            return None
        if order.worker is not None:
            order.failures.append((max(order.attempts, 1), order.worker, "LeaseExpired"))
        order.attempts += 1
        order.worker, order.wait = worker, max(LEASE, _pause(order.attempts))
        return order.attempts

    def settle(self, number: int, token: int, worker: str) -> str | None:
        """Settle an order by a claim; return the status reached, None where the claim is lost or the attempt fails."""
        order = self.orders[number]
        if order.status != "processing" or order.attempts != token:
            return None
        if token > MAX_ATTEMPTS:
            return self._end(order, worker, "PROCESSING_ERROR")
        if order.faulty:
            self.put_off(number, token, worker, "NumericValueOutOfRangeError")
            return None
        return self._end(order, worker, self._sell(number, order))

    def put_off(self, number: int, token: int, worker: str, error: str) -> None:
        """Give a claim back after an error, unless it is lost."""
        order = self.orders[number]
        if order.status == "processing" and order.attempts == token:
            order.attempts = max(token, 1)
            order.failures.append((order.attempts, worker, error))
            order.worker, order.wait = None, _pause(order.attempts)

    def process(self, numbers: Sequence[int], turns: Sequence[int]) -> list[str | None]:
        """Let a worker have these orders: the new ones as *turns* says, then those that were tried before."""
        tokens = {number: self.claim(number, ABLE) for number in numbers}
        reached: dict[int, str | None] = {}
        for number in turns:
            if (token := tokens[number]) is not None:
                reached[number] = self.settle(number, token, ABLE)
        for number in numbers:
            if reached.get(number) is None and (token := self.claim_again(number, ABLE)) is not None:
                reached[number] = self.settle(number, token, ABLE)
        return [reached.get(number) for number in numbers]

    def _sell(self, number: int, order: Order) -> str | None:
        """Take and bill all items, or none; return why none."""
        needed = Counter[int]()
        for item in order.items:
            needed[item.product] += item.quantity
        for item in order.items:
            product = self.products[item.product]
            if product.archived:
                item.code = "PRODUCT_UNAVAILABLE"
            elif product.on_hand < needed[item.product]:
                item.code, item.available = "OUT_OF_STOCK", product.on_hand
        if codes := {item.code for item in order.items if item.code}:
            return max(codes)  # what will not come back goes first
        for item in order.items:
            item.billed = item.price
            order.total += item.price * item.quantity
        for needed_product, quantity in needed.items():
            self.products[needed_product].move(-quantity, "sale", order=number)
        return None

    def _end(self, order: Order, worker: str, code: str | None) -> str:
        order.attempts = max(order.attempts, 1)
        order.status, order.code = "failed" if code else "completed", code
        order.worker, order.wait = None, None
        order.events.append((order.status, code, None, worker, order.attempts))
        return order.status

    def _find(self, number: int) -> Order:
        if number not in self.orders:
            raise Refused("ORDER_NOT_FOUND")
        return self.orders[number]

    def _product(self, number: int) -> Product:
        if number not in self.products:
            raise Refused("PRODUCT_NOT_FOUND")
        return self.products[number]

    def _require_admin(self, user: int) -> None:
        if user != self.admin:
            raise Refused("ADMIN_REQUIRED")


def _pause(attempts: int) -> float:
    return min(2.0**attempts, LONGEST_PAUSE)
