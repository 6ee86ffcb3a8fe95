"""Sample data: two people, a shop full of things, and what one of the two has ordered so far."""

from dataclasses import dataclass
from pathlib import Path

from tortoise.transactions import in_transaction

from core.demo_people import ADMIN, CUSTOMER, DemoPerson
from dev.demo.history import ARCHIVED, archive, is_unfinished, replay_orders
from dev.demo.rewriting import rewriting
from dev.demo.trouble import TROUBLE, install_trouble
from engine.postgres import advisory_lock, fetch
from graph.resolvers.context import Context
from graph.resolvers.product_file import read_products
from graph.resolvers.product_import import insert_products
from graph.resolvers.users import insert_user
from models import Product, User
from models.advisory_locks import AdvisoryLock

#: A file as ``tandem import-products`` takes it.
PRODUCTS = Path(__file__).with_name("products.csv")

#: One after another over the weeks before, so that "newest first" means something.
BACKDATE = """
WITH dated AS (
    UPDATE products
    SET created_at = now() - interval '30 days' + interval '1 hour' * number,
        updated_at = now() - interval '30 days' + interval '1 hour' * number
    FROM unnest($1::text[]) WITH ORDINALITY AS new (name, number)
    WHERE products.name = new.name AND products.created_at = now()
    RETURNING products.id, products.created_at
)
UPDATE stock_movements SET created_at = dated.created_at FROM dated WHERE product_id = dated.id
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """How much was added; what was there already was left as it was."""

    users: int
    products: int
    orders: int


async def load_demo(ctx: Context) -> Loaded:
    """Add what is missing of the sample data.

    People are recognised by their email, products by their name; the orders come with the customer, and only
    beside a catalogue that is new as a whole, so that what they took from the stock was there. Those of a load
    that was interrupted are completed.
    """
    # Not a lock of the transaction below: orders are placed in transactions of their own.
    async with advisory_lock(ctx.resources.settings.database_url, AdvisoryLock.DEMO):
        async with in_transaction():
            admin, customer = [await _add_user(ctx, person) for person in (ADMIN, CUSTOMER)]
            catalogue, missing = await _add_products()
            is_new_shop = customer is not None and missing == catalogue
            if ARCHIVED in missing and not is_new_shop:
                await archive(ARCHIVED)
            if not set(TROUBLE).isdisjoint(missing):
                await install_trouble()
        orders = await replay_orders(ctx) if is_new_shop or await is_unfinished() else 0
    return Loaded(sum(user is not None for user in (admin, customer)), len(missing), orders)


async def _add_user(ctx: Context, person: DemoPerson) -> User | None:
    if await User.by_email(person.email):
        return None
    return await insert_user(
        ctx,
        email=person.email,
        full_name=person.full_name,
        password=person.password,
        is_admin=person.is_admin,
    )


async def _add_products() -> tuple[list[str], list[str]]:
    """Add the products whose names are new; return the names of the file, and those that were added."""
    with PRODUCTS.open("rb") as file:
        rows = {row["name"]: row for row in read_products(file)}
    names = list(rows)
    known = {product.name for product in await Product.filter(name__in=names)}
    missing = [name for name in names if name not in known]
    if missing:
        await insert_products([rows[name] for name in missing])
        # Who browses by age shall find them last.
        async with rewriting("stock_movements"):
            await fetch(BACKDATE, [sorted(missing, key=lambda name: name not in TROUBLE)])
    return names, missing
