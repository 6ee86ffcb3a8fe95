"""Does things to a real shop and to the model of one (``order_model.py``), and compares the two."""

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from decimal import Decimal
from itertools import permutations
from typing import Any, TypeVar

from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from core.errors import AppError
from core.resources import Resources
from engine.postgres import fetch
from graph.resolvers.context import Context
from graph.resolvers.order_placement import NewItem, create_order
from graph.resolvers.order_retries import retry_order
from graph.resolvers.orders import cancel_order
from graph.resolvers.products import archive_product, update_product
from graph.resolvers.stock_movements import adjust_stock
from models import OrderItem
from models.audit import audit
from tasks.claims import Claim, claim_again, claim_new, put_off
from tasks.order_batches import OrderBatches
from tasks.schedule import sweep
from tasks.settlement import settle
from tests.tasks.order_model import ABLE, GONE, LATER, MAX_ATTEMPTS, OVERDUE, Refused, Shop
from tests.tasks.order_rows import rows_of, stored_rows
from tests.worlds import World

T = TypeVar("T")
#: Makes an order of two pieces cost more than the database can add up, so that no worker can read it.
TOO_MUCH = 2**63 - 1
UNKNOWN = 999_999

DUE = "SELECT id, due_at, clock_timestamp() AS now FROM orders ORDER BY id"
#: No test waits for a pause to be over, and none may be over before its time has come in the story.
STOP_CLOCK = "UPDATE orders SET due_at = now() + interval '1 day' WHERE id = ANY ($1::int[])"
LET_PASS = """
UPDATE orders SET due_at = now() - interval '1 second'
WHERE id = ANY ($1::int[]) AND status IN ('pending', 'processing')
"""
FORGET_KEY = (
    "UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE user_id = $1 AND key = $2"
)


async def answer_of(asked: Awaitable[T]) -> T | tuple[str, int | None]:
    """Return the answer, or of a refusal its code and the number of the item that it names."""
    try:
        return await asked
    except AppError as error:
        number = str(error).partition(" in item ")[2].partition(":")[0]
        return error.code.value, int(number) if number else None


def expected_of(rule: Callable[..., T], *arguments: Any) -> T | tuple[str, int | None]:
    """The same of the model."""
    try:
        return rule(*arguments)
    except Refused as refused:
        return refused.code, refused.item


class Driver:
    """Does things to a real shop and to the model of one, and compares."""

    def __init__(self, world: World, admin: int, people: Sequence[Context]) -> None:
        self.world = world
        self.shop = Shop(admin)
        self.resources = world.resources
        #: The administrator is one of them.
        self.people = [world.admin, *people]
        self.started: Any = None

    @classmethod
    async def begin(cls, resources: Resources) -> "Driver":
        """Open a shop with an administrator and two users."""
        world = await World.begin(resources)
        return cls(world, world.admin.require_user().id, [await world.join(), await world.join()])

    def id_of(self, person: int) -> int:
        """Return the id of one of the people."""
        return self.people[person].require_user().id

    async def stock(self, on_hand: int, price: int) -> int:
        product = await self.world.stock(on_hand, str(Decimal(price) / 100))
        self.shop.put_on_sale(product, price, on_hand)
        return product

    async def place(
        self,
        person: int,
        items: Sequence[tuple[int, int]],
        key: str | None,
        reference: str | None,
        off: int | None,
    ) -> int | None:
        """Place an order; return its id if it is new.

        Args:
            off: by how much the expected total is not the right one; None if none is expected.
        """
        right = sum(
            self.shop.products[number].price * quantity for number, quantity in items if number != UNKNOWN
        )
        expected = None if off is None or right + off < 0 else right + off
        user = self.id_of(person)
        due = expected_of(self.shop.place, user, items, key, reference, expected)
        placed = await answer_of(
            create_order(
                self.people[person],
                items=[NewItem(product, quantity) for product, quantity in items],
                shipping_address="1 Test Street",
                idempotency_key=key,
                reference=reference,
                expected_total=None if expected is None else Decimal(expected) / 100,
            )
        )
        if isinstance(placed, tuple):
            assert placed == due
            return None
        assert (placed.order.id if placed.replayed else None) == due
        if placed.replayed:
            return None
        assert placed.order.id not in self.shop.orders
        assert (placed.order.status, placed.order.total) == ("pending", 0)
        self.shop.accept(placed.order.id, user, items, key, reference)
        return placed.order.id

    async def forget_key(self, person: int, key: str) -> None:
        """Let the day be over for which a key is kept."""
        await fetch(FORGET_KEY, [self.id_of(person), key])
        self.shop.keys.pop((self.id_of(person), key), None)

    async def cancel(self, person: int, order: int) -> None:
        due = expected_of(self.shop.cancel, self.id_of(person), order)
        cancelled = await answer_of(cancel_order(self.people[person], order))
        assert (cancelled if isinstance(cancelled, tuple) else None) == due

    async def retry(self, person: int, order: int) -> None:
        due = expected_of(self.shop.retry, self.id_of(person), order)
        retried = await answer_of(retry_order(self.people[person], order))
        assert (retried if isinstance(retried, tuple) else None) == due

    async def adjust(self, person: int, product: int, delta: int, off: int | None, key: str | None) -> None:
        on_hand = self.shop.products[product].on_hand if product in self.shop.products else 0
        expected = None if off is None else on_hand + off
        due = expected_of(self.shop.adjust, self.id_of(person), product, delta, expected, key)
        adjusted = await answer_of(
            adjust_stock(
                self.people[person], product, delta=delta, expected_on_hand=expected, idempotency_key=key
            )
        )
        if isinstance(adjusted, tuple):
            assert adjusted == due
            return
        assert (adjusted.product.on_hand, adjusted.replayed) == due
        assert adjusted.movement.delta == delta

    async def archive(self, person: int, product: int) -> None:
        due = expected_of(self.shop.archive, self.id_of(person), product)
        archived = await answer_of(archive_product(self.people[person], product))
        assert (archived if isinstance(archived, tuple) else None) == due

    async def reprice(self, product: int, price: int) -> None:
        await update_product(self.world.admin, product, price=Decimal(price) / 100)
        self.shop.products[product].price = price

    async def break_(self, order: int) -> None:
        """Let no worker be able to read the order, if it has what can be made so."""
        of_order = self.shop.orders[order]
        if of_order.status != "completed" and any(item.quantity > 1 for item in of_order.items):
            await OrderItem.filter(order_id=order, quantity__gt=1).update(accepted_price=TOO_MUCH)
            of_order.faulty = True

    async def mend(self, order: int) -> None:
        of_order = self.shop.orders[order]
        rows = await OrderItem.filter(order_id=order).order_by("id")
        for row, item in zip(rows, of_order.items, strict=True):
            await OrderItem.filter(id=row.id).update(accepted_price=item.price)
        of_order.faulty = False

    async def claim(self, orders: Sequence[int]) -> list[Claim]:
        """Let a worker claim new orders, and be gone with them."""
        claims = await claim_new(self.resources.settings, orders, lock_timeout=1, worker=GONE)
        tokens = {order: self.shop.claim(order, GONE) for order in orders}
        due = [(order, token) for order, token in tokens.items() if token is not None]
        assert [(claim.order_id, claim.token) for claim in claims] == due
        return claims

    async def claim_again(self, order: int) -> list[Claim]:
        """Let a worker take an order over, and be gone with it."""
        claim = await claim_again(self.resources.settings, order, worker=GONE)
        assert (claim.token if claim else None) == self.shop.claim_again(order, GONE)
        return [claim] if claim else []

    async def settle_late(self, claims: Sequence[Claim]) -> None:
        """Let a worker that hung go on with what it once claimed, as it would: together, or else one by one."""
        due = {claim.order_id: self.shop.settle(claim.order_id, claim.token, GONE) for claim in claims}
        try:
            reached = await self._settle(claims)
        except OperationalError:
            reached = {}
            for claim in claims:
                try:
                    reached |= await self._settle([claim])
                except OperationalError as error:
                    await put_off([claim], error)
        assert reached == {order: status for order, status in due.items() if status}

    async def put_off_late(self, claims: Sequence[Claim]) -> None:
        """Let a worker that met an error, and hung then, give back what it once claimed."""
        for claim in claims:
            await put_off([claim], TimeoutError("the disk"))
            self.shop.put_off(claim.order_id, claim.token, GONE, "TimeoutError")

    async def _settle(self, claims: Sequence[Claim]) -> dict[int, str]:
        async with in_transaction():
            settled = await settle(claims, lock_timeout=1)
        return {order: status.value for order, status in settled.statuses.items()}

    async def process(self, orders: Sequence[int]) -> None:
        """Let a worker process orders. Of a batch that meets a fault each goes alone, and which is first is open."""
        new = [order for order in orders if self.shop.orders[order].status == "pending"]
        is_split = any(self.shop.orders[order].faulty for order in new)
        reached = await OrderBatches(self.resources, worker=ABLE).process(orders)
        stored, before = await stored_rows(), self.shop
        for turns in permutations(new) if is_split else [new]:
            self.shop = deepcopy(before)
            due = self.shop.process(orders, turns)
            if rows_of(self.shop) == stored and reached == due:
                break
        assert reached == due
        # The rows are compared after each step.

    async def pass_time(self, orders: Sequence[int]) -> None:
        await fetch(LET_PASS, [list(orders)])
        self.shop.pass_time(orders)

    async def sweep(self) -> list[int]:
        sent = await sweep(self.resources.settings)
        assert sent is not None
        assert sorted(sent) == sorted(self.shop.sweep())
        return sent

    async def give_up(self, order: int) -> None:
        """Let an order fail as often as it may."""
        await self.break_(order)
        for _ in range(MAX_ATTEMPTS + 1):
            await self.process([order])
            await self.check()
            await self.pass_time([order])

    async def step(self, what: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Do something, and compare everything then."""
        result = await what(*arguments)
        await self.check()
        return result

    async def check(self) -> None:
        """Compare what is stored with the model, and stop the clock."""
        assert await stored_rows() == rows_of(self.shop)
        rows = await fetch(DUE)
        for row in rows:
            self._check_due(self.shop.orders[row["id"]].wait, row["due_at"], row["now"])
        waiting = {
            id_: order for id_, order in self.shop.orders.items() if isinstance(order.wait, int | float)
        }
        if waiting:
            await fetch(STOP_CLOCK, [list(waiting)])
        for order in waiting.values():
            order.wait = LATER
        ((self.started,),) = await fetch("SELECT clock_timestamp()")

    def _check_due(self, wait: str | float | None, due_at: Any, now: Any) -> None:
        if wait is None:
            assert due_at is None
        elif wait == OVERDUE:
            assert due_at < now
        elif wait == LATER:
            assert due_at > now
        else:
            since = due_at.timestamp() - float(wait)
            assert self.started.timestamp() - 0.001 <= since <= now.timestamp() + 0.001

    async def end(self) -> None:
        """What is open ends, once nothing is in its way; and the books are in order."""
        for order in self.shop.orders:
            await self.mend(order)
        await self.pass_time(list(self.shop.orders))
        await self.process(await self.sweep())
        await self.check()
        assert not [order for order in self.shop.orders.values() if order.wait is not None]
        assert await audit(self.resources.settings.database_url, chunk=7) == []
