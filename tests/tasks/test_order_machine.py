"""Whatever is done to orders and stock, in whichever order: what becomes of them is what the documents say.

The rules are told once more in ``order_model.py``; after every step the rows and the answers are compared with it.
``ORDER_MACHINES=500 pytest tests/tasks/test_order_machine.py`` is the long run, whose stories are new each time.
"""

import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import asyncpg
import pytest
from anyio import from_thread, to_thread
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

import tasks.order_batches
from core.resources import Resources
from models.orders import MAX_RETRIES
from tasks.claims import Claim
from tests.conftest import empty_tables
from tests.tasks.order_driver import UNKNOWN, Driver
from tests.tasks.order_model import MAX_ATTEMPTS

pytestmark = pytest.mark.anyio

T = TypeVar("T")
#: Always the same ones; those of the long run are new each time.
FEW = 20
MACHINES = int(os.environ.get("ORDER_MACHINES", FEW))
ADMIN, OWNER, OTHER = 0, 1, 2

Begin = Callable[[], Coroutine[Any, Any, Driver]]


@pytest.fixture
def begin(resources: Resources, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Opens a shop in which orders are soon given up, and nothing is for the slowness of the machine."""
    few = resources.settings.model_copy(update={"order_max_attempts": MAX_ATTEMPTS})
    monkeypatch.setattr(resources, "settings", few)
    monkeypatch.setattr(tasks.order_batches, "PRODUCT_TIMEOUT", 60)

    async def open_shop() -> Driver:
        await empty_tables(superuser)
        driver = await Driver.begin(resources)
        await driver.check()
        return driver

    return open_shop


class OrderMachine(RuleBasedStateMachine):
    """What anybody may do, and what may befall the workers. Runs in a thread beside the loop."""

    begin: Begin
    driver: Driver

    orders: Bundle[int] = Bundle("orders")
    products: Bundle[int] = Bundle("products")
    claims: Bundle[list[Claim]] = Bundle("claims")
    people = st.sampled_from((ADMIN, OWNER, OTHER))
    keys = st.sampled_from((None, "a", "b"))
    #: By how much what is expected is off.
    offs = st.sampled_from((None, None, 0, 1, -1))
    several = st.lists(orders, min_size=1, max_size=4, unique=True)
    prices = st.sampled_from((0, 1, 250, 99_999_999))
    #: Mostly of what there is.
    wanted = st.lists(
        st.tuples(
            st.one_of(products, products, products, st.just(UNKNOWN)),
            st.sampled_from((1, 2, 2, 3, 5, 0, 1_000_001)),
        ),
        min_size=1,
        max_size=4,
    )
    good = st.lists(st.tuples(products, st.integers(1, 5)), min_size=1, max_size=4)

    def do(self, what: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Do a step on the loop, and compare."""
        done: T = from_thread.run(self.driver.step, what, *arguments)
        return done

    @initialize(target=products)
    def open_shop(self) -> Any:
        self.driver = from_thread.run(type(self).begin)
        return multiple(
            *(self.do(self.driver.stock, on_hand, price) for on_hand, price in ((7, 250), (3, 1)))
        )

    @rule(target=products, on_hand=st.sampled_from((0, 4, 20)), price=prices)
    def stock(self, on_hand: int, price: int) -> int:
        return self.do(self.driver.stock, on_hand, price)

    def _place(self, *arguments: Any) -> Any:
        placed = self.do(self.driver.place, *arguments)
        return multiple() if placed is None else placed

    @rule(target=orders, items=good)
    def place(self, items: list[tuple[int, int]]) -> Any:
        return self._place(OWNER, items, None, None, None)

    @rule(
        target=orders,
        person=people,
        items=wanted,
        key=keys,
        reference=st.sampled_from((None, None, "R")),
        off=offs,
    )
    def place_somehow(self, **how: Any) -> Any:
        return self._place(*(how[name] for name in ("person", "items", "key", "reference", "off")))

    @rule(target=orders, items=good, others=good, key=st.sampled_from(("a", "b")))
    def place_again(self, items: list[tuple[int, int]], others: list[tuple[int, int]], key: str) -> Any:
        """With a key, then with the same, then for something else with the same."""
        placed = [self.do(self.driver.place, OWNER, some, key, None, None) for some in (items, items, others)]
        return multiple(*(order for order in placed if order is not None))

    @rule(person=people, key=st.sampled_from(("a", "b")))
    def forget_key(self, person: int, key: str) -> None:
        self.do(self.driver.forget_key, person, key)

    @rule(person=people, order=st.one_of(orders, orders, orders, st.just(UNKNOWN)))
    def cancel(self, person: int, order: int) -> None:
        self.do(self.driver.cancel, person, order)

    @rule(person=st.sampled_from((ADMIN, ADMIN, OWNER)), order=st.one_of(orders, orders, st.just(UNKNOWN)))
    def retry(self, person: int, order: int) -> None:
        self.do(self.driver.retry, person, order)

    @rule(
        person=st.sampled_from((ADMIN, ADMIN, ADMIN, OWNER)),
        product=st.one_of(products, products, products, st.just(UNKNOWN)),
        delta=st.sampled_from((-5, -2, 0, 1, 4, 10, -(10**9), 10**9)),
        off=offs,
        key=keys,
    )
    def adjust(self, **how: Any) -> None:
        self.do(self.driver.adjust, *(how[name] for name in ("person", "product", "delta", "off", "key")))

    @rule(person=st.sampled_from((ADMIN, OWNER)), product=products)
    def archive(self, person: int, product: int) -> None:
        self.do(self.driver.archive, person, product)

    @rule(product=products, price=prices)
    def reprice(self, product: int, price: int) -> None:
        self.do(self.driver.reprice, product, price)

    @rule(orders=several)
    def break_orders(self, orders: list[int]) -> None:
        for order in orders:
            self.do(self.driver.break_, order)

    @rule(order=orders)
    def mend(self, order: int) -> None:
        self.do(self.driver.mend, order)

    @rule(target=claims, orders=several)
    def claim(self, orders: list[int]) -> list[Claim]:
        return self.do(self.driver.claim, orders)

    @rule(target=claims, order=orders, is_over=st.booleans())
    def claim_again(self, order: int, is_over: bool) -> list[Claim]:
        if is_over:
            self.do(self.driver.pass_time, [order])
        return self.do(self.driver.claim_again, order)

    @rule(claims=claims)
    def settle_late(self, claims: list[Claim]) -> None:
        self.do(self.driver.settle_late, claims)

    @rule(claims=claims)
    def put_off_late(self, claims: list[Claim]) -> None:
        self.do(self.driver.put_off_late, claims)

    @rule(orders=several, is_settled=st.booleans())
    def overtake(self, orders: list[int], is_settled: bool) -> None:
        """Let a worker go on with what another one has taken over since."""
        claims = self.do(self.driver.claim, orders)
        for order in orders:
            self.do(self.driver.pass_time, [order])
            self.do(self.driver.claim_again, order)
        self.do(self.driver.settle_late if is_settled else self.driver.put_off_late, claims)

    @rule(orders=several)
    def process(self, orders: list[int]) -> None:
        self.do(self.driver.process, orders)

    @rule(orders=several)
    def process_when_due(self, orders: list[int]) -> None:
        self.do(self.driver.pass_time, orders)
        self.do(self.driver.process, orders)

    @rule(order=orders)
    def give_up(self, order: int) -> None:
        self.do(self.driver.give_up, order)

    @rule(orders=several, is_processed=st.booleans())
    def sweep(self, orders: list[int], is_processed: bool) -> None:
        self.do(self.driver.pass_time, orders)
        sent = self.do(self.driver.sweep)
        if is_processed:
            self.do(self.driver.process, sent)

    def teardown(self) -> None:
        """The end of the story."""
        if hasattr(self, "driver"):
            from_thread.run(self.driver.end)


@pytest.mark.slow
async def test_orders_become_what_the_documents_say(begin: Begin) -> None:
    machine = type("OrderMachine", (OrderMachine,), {"begin": staticmethod(begin)})
    few = settings(
        max_examples=MACHINES,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=MACHINES == FEW,
        phases=[Phase.generate] if MACHINES == FEW else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    await to_thread.run_sync(lambda: run_state_machine_as_test(machine, settings=few))


async def test_an_order_is_retried_ten_times_and_no_more(begin: Begin) -> None:
    driver = await begin()
    product = await driver.stock(9, 250)
    order = await driver.place(OWNER, [(product, 2)], None, None, None)
    assert order is not None
    for _ in range(MAX_RETRIES + 1):
        await driver.step(driver.give_up, order)
        await driver.step(driver.retry, ADMIN, order)
    assert [event[0] for event in driver.shop.orders[order].events] == [
        "pending",
        "processing",
        "failed",
    ] * 11
    await driver.end()
