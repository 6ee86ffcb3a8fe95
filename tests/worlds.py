"""Shops in which this and that has happened, all of it by the code that does it in production."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from random import Random

from tortoise import timezone

from core.errors import AppError
from core.resources import Resources
from engine.postgres import fetch
from graph.resolvers.context import Context
from graph.resolvers.order_placement import NewItem, create_order
from graph.resolvers.orders import cancel_order
from graph.resolvers.product_import import import_products
from graph.resolvers.products import NewProduct, archive_product, create_product, update_product
from graph.resolvers.stock_movements import adjust_stock
from graph.resolvers.users import delete_user
from models import OneTimeToken, Order, OrderStatus, TokenPurpose
from tasks.claims import claim_new
from tasks.orders import process_all
from tasks.schedule import ERASE_DELETED_ADDRESSES, ERASE_OLD_ADDRESSES, NOTE_ERASED, sweep
from tests.factories import make_admin, make_context_of, make_user


class World:
    """One shop, its administrator and its users, over empty tables."""

    def __init__(self, resources: Resources, admin: Context) -> None:
        self.resources = resources
        self.admin = admin
        self.people: list[Context] = []
        self.products: list[int] = []
        self.orders: list[int] = []

    @classmethod
    async def begin(cls, resources: Resources) -> "World":
        """Open a shop that has an administrator."""
        return cls(resources, await make_context_of(resources, await make_admin()))

    async def join(self) -> Context:
        """Let somebody sign up, and ask for another password."""
        person = await make_context_of(self.resources, await make_user())
        await OneTimeToken.issue(person.require_user().id, TokenPurpose.PASSWORD_RESET)
        self.people.append(person)
        return person

    async def stock(self, on_hand: int, price: str = "1.50") -> int:
        """Put a product on sale and return its id."""
        product = await create_product(self.admin, NewProduct("Mug", Decimal(price), on_hand=on_hand))
        self.products.append(product.id)
        return product.id

    async def place(
        self, person: Context, *items: tuple[int, int], key: str | None = None, reference: str | None = None
    ) -> int:
        """Place an order of so many pieces of products and return its id."""
        wanted = [NewItem(product, quantity) for product, quantity in items]
        placed = await create_order(
            person, items=wanted, shipping_address="1 Test Street", idempotency_key=key, reference=reference
        )
        if not placed.replayed:
            self.orders.append(placed.order.id)
        return placed.order.id

    async def process(self, *order_ids: int) -> None:
        """Let a worker have these orders."""
        await process_all(self.resources, order_ids)

    async def claim(self, *order_ids: int) -> None:
        """Let a worker claim these orders, and be gone."""
        await claim_new(self.resources.settings, order_ids, lock_timeout=1)

    async def lapse(self, *order_ids: int, attempts: int | None = None) -> None:
        """Let the lease of orders in processing run out, the last one of so many if need be."""
        values = {} if attempts is None else {"attempts": attempts}
        past = timezone.now() - timedelta(seconds=1)
        await Order.filter(id__in=order_ids, status=OrderStatus.PROCESSING).update(due_at=past, **values)

    async def give_up(self, *order_ids: int) -> None:
        """Let workers fail these orders, once too often."""
        await self.claim(*order_ids)
        await self.lapse(*order_ids, attempts=self.resources.settings.order_max_attempts)
        await self.process(*order_ids)

    async def erase(self) -> None:
        """Let the days pass for which addresses are kept."""
        await fetch(ERASE_OLD_ADDRESSES, [0])
        await fetch(ERASE_DELETED_ADDRESSES, [0])
        await fetch(NOTE_ERASED, [0])


async def _stock(world: World, chance: Random) -> None:
    await world.stock(chance.choice((0, 1, 5, 40)), chance.choice(("0", "0.01", "12.34", "99999999")))


async def _import(world: World, chance: Random) -> None:
    lines = "".join(
        f"Bowl,,{chance.randrange(50)}.5,{chance.randrange(9)}\n" for _ in range(chance.randrange(5))
    )
    await import_products(BytesIO(f"name,description,price,on_hand\n{lines}".encode()))


async def _adjust(world: World, chance: Random) -> None:
    key = chance.choice((None, "a", "b"))
    await adjust_stock(
        world.admin, chance.choice(world.products), delta=chance.randrange(-6, 12), idempotency_key=key
    )


async def _archive(world: World, chance: Random) -> None:
    await archive_product(world.admin, chance.choice(world.products))


async def _reprice(world: World, chance: Random) -> None:
    await update_product(world.admin, chance.choice(world.products), price=Decimal(chance.randrange(99)))


async def _join(world: World, _: Random) -> None:
    await world.join()


async def _place(world: World, chance: Random) -> None:
    items = [(chance.choice(world.products), chance.randrange(1, 8)) for _ in range(chance.randrange(1, 5))]
    key, reference = chance.choice((None, "1", "2")), chance.choice((None, None, "A", "B"))
    await world.place(chance.choice(world.people), *items, key=key, reference=reference)


async def _process(world: World, chance: Random) -> None:
    await world.process(*_some(world, chance))


async def _claim(world: World, chance: Random) -> None:
    await world.claim(*_some(world, chance))


async def _lapse(world: World, chance: Random) -> None:
    order_ids = _some(world, chance)
    await world.lapse(*order_ids)
    await world.process(*order_ids)


async def _give_up(world: World, chance: Random) -> None:
    await world.give_up(*_some(world, chance))


async def _cancel(world: World, chance: Random) -> None:
    await cancel_order(chance.choice((world.admin, *world.people)), chance.choice(world.orders))


async def _sweep(world: World, _: Random) -> None:
    await sweep(world.resources.settings)


async def _delete(world: World, chance: Random) -> None:
    person = chance.choice(world.people)
    world.people.remove(person)
    await delete_user(world.admin, person.require_user().id)


async def _erase(world: World, _: Random) -> None:
    await world.erase()


async def _together(world: World, chance: Random) -> None:
    kinds = [chance.choice(TOGETHER) for _ in range(chance.randrange(2, 7))]
    await asyncio.gather(*(_attempt(kind, world, Random(chance.random())) for kind in kinds))


def _some(world: World, chance: Random) -> Sequence[int]:
    return chance.sample(world.orders, min(len(world.orders), chance.randrange(1, 6)))


Happening = Callable[[World, Random], Awaitable[None]]
#: What may come to pass at the same moment.
TOGETHER: tuple[Happening, ...] = (
    _adjust,
    _archive,
    _place,
    _place,
    _process,
    _process,
    _cancel,
    _sweep,
    _lapse,
)
HAPPENINGS: dict[str, Happening] = {
    kind.__name__.strip("_"): kind
    for kind in (*TOGETHER, _stock, _import, _reprice, _join, _claim, _give_up, _delete, _erase, _together)
}


async def _attempt(kind: Happening, world: World, chance: Random) -> None:
    # Whoever is refused, or has nothing to choose from, has tried.
    with suppress(AppError, IndexError):
        await kind(world, chance)


async def let_happen(world: World, story: Sequence[tuple[str, int]]) -> None:
    """Let these things come to pass, each by the chance of its number."""
    for name, number in story:
        await _attempt(HAPPENINGS[name], world, Random(number))
