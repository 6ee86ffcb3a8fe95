"""Sample data: two people, a shop full of things, and what one of the two has ordered so far."""

from dataclasses import dataclass
from pathlib import Path

from tortoise import timezone
from tortoise.transactions import in_transaction

from dev.demo.history import insert_history
from engine.postgres import fetch
from graph.resolvers.context import Context
from graph.resolvers.product_import import Row, insert_products, read_products
from graph.resolvers.users import insert_user
from models import Product, User

#: A file as ``tandem import-products`` takes it.
PRODUCTS = Path(__file__).with_name("products.csv")
ARCHIVED = "Enamel house number"
_LOCK_KEY = 7_261_634_003

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
class Persona:
    """Somebody to sign in as. The passwords are public: they stand in the documentation."""

    email: str
    full_name: str
    password: str
    is_admin: bool = False


ADMIN = Persona("admin@example.com", "Grace Hopper", "tandem-admin-demo", is_admin=True)
CUSTOMER = Persona("ada@example.com", "Ada Lovelace", "tandem-user-demo")


@dataclass(frozen=True, slots=True)
class Loaded:
    """How much was added; what was there already was left as it was."""

    users: int
    products: int
    orders: int


async def load_demo(ctx: Context) -> Loaded:
    """Add what is missing of the sample data, in one transaction.

    People are recognised by their email, products by their name; the orders come with the customer, and only
    beside a catalogue that is new as a whole, so that what they took from the stock was there.
    """
    async with in_transaction():
        await fetch("SELECT pg_advisory_xact_lock($1)", [_LOCK_KEY])
        admin = await _add_user(ctx, ADMIN)
        customer = await _add_user(ctx, CUSTOMER)
        catalogue, added = await _add_products()
        orders = 0
        if customer is not None and added == catalogue:
            orders = await insert_history(customer)
    return Loaded(sum(user is not None for user in (admin, customer)), added, orders)


async def _add_user(ctx: Context, persona: Persona) -> User | None:
    if await User.by_email(persona.email):
        return None
    return await insert_user(
        ctx,
        email=persona.email,
        full_name=persona.full_name,
        password=persona.password,
        is_admin=persona.is_admin,
    )


async def _add_products() -> tuple[int, int]:
    """Add the products whose names are new; return how many there are in the file, and were added."""
    with PRODUCTS.open("rb") as file:
        rows = list(read_products(file))
    names = [row["name"] for row in rows]
    known = {product.name for product in await Product.filter(name__in=names)}
    missing: list[Row] = [row for row in rows if row["name"] not in known]
    if missing:
        await insert_products(missing)
        await fetch(BACKDATE, [[row["name"] for row in missing]])
        if ARCHIVED not in known:
            await Product.filter(name=ARCHIVED).update(archived_at=timezone.now())
    return len(rows), len(missing)
