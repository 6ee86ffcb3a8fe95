"""What is for sale, and how much of it is there."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tortoise import timezone
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from core.errors import Conflict, ProductNotFound
from engine.postgres import Columns, Select
from graph.resolvers.context import Context
from graph.resolvers.pagination import NEWEST_FIRST, Ordering, Page, Window, matching, paginate, search_words
from graph.resolvers.validation import MAX_DESCRIPTION, MAX_NAME, Checks
from models import MAX_ID, MovementReason, Product, ProductRow, StockMovement, sort_key

#: The most of one product that can be on hand, or move at once.
MAX_STOCK = 10**9


@dataclass(frozen=True, slots=True)
class NewProduct:
    """The values of a product that is to be. ``price`` is a decimal amount of the configured currency."""

    name: str
    price: Decimal
    description: str = ""
    on_hand: int = 0


async def get_product(ctx: Context, product_id: int, *, columns: Columns = None) -> ProductRow:
    """Return one product, archived or not: old orders still name it. Anybody may ask.

    Args:
        columns: what will be read of it; all if not given.

    Raises:
        ProductNotFound: there is none.
    """
    product = await ctx.loaders.find(ProductRow, product_id, columns)
    if product is None:
        raise ProductNotFound
    return product


async def list_products(
    ctx: Context,
    *,
    window: Window,
    search: str | None = None,
    in_stock: bool | None = None,
    archived: bool = False,
    ordering: Ordering = NEWEST_FIRST,
    columns: Columns = None,
) -> Page[ProductRow]:
    """Return products on sale, which anybody may see, or the archived ones, for administrators.

    Args:
        search: words that must all be part of the name or the description (:func:`search_words`).
        in_stock: only those with (or without) anything on hand.
        columns: what will be read of them; all if not given.

    Raises:
        AuthenticationError, AdminRequired: archived ones are asked for, by somebody else.
        ValidationFailed: the window or the search is out of bounds.
    """
    if archived:
        ctx.require_admin()
    products = Select(ProductRow).where(archived_at__isnull=not archived)
    if in_stock is not None:
        products = products.where(on_hand__gt=0) if in_stock else products.where(on_hand=0)
    if search:
        products = matching(products, search_words(search), "name", "description")
    return await paginate(products, ordering, window, columns=columns, counts=ctx.resources.total_counts)


def check_product(new: NewProduct, checks: Checks) -> dict[str, Any]:
    """Return the column values of *new*, noting in *checks* what is wrong with them."""
    if not 0 <= new.on_hand <= MAX_STOCK:
        checks.refuse("on_hand", f"Stock must be between 0 and {MAX_STOCK}")
    return {
        "name": checks.text("name", new.name, "Name", longest=MAX_NAME),
        "description": checks.text(
            "description", new.description, "Description", longest=MAX_DESCRIPTION, blank=True
        ),
        "price": checks.amount("price", new.price, "Price"),
        "on_hand": new.on_hand,
    }


async def create_product(ctx: Context, new: NewProduct) -> Product:
    """Put a product on sale.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: a value that cannot be.
    """
    viewer = ctx.require_admin()
    checks = Checks()
    values = check_product(new, checks)
    checks.done()
    async with in_transaction():
        product = await Product.create(**values)
        if product.on_hand:
            await StockMovement.create(
                product_id=product.id,
                delta=product.on_hand,
                on_hand_after=product.on_hand,
                reason=MovementReason.INITIAL,
                actor_id=viewer.id,
            )
    return product


async def update_product(
    ctx: Context,
    product_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
    price: Decimal | None = None,
    expected_version: int | None = None,
) -> Product:
    """Change a product. None leaves a value as it is; orders already placed keep theirs.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ProductNotFound: there is none.
        ValidationFailed: a value that cannot be.
        Conflict: the product is not at *expected_version* any more.
    """
    ctx.require_admin()
    checks = Checks()
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = checks.text("name", name, "Name", longest=MAX_NAME)
        values["name_key"] = sort_key(values["name"])
    if description is not None:
        values["description"] = checks.text(
            "description", description, "Description", longest=MAX_DESCRIPTION, blank=True
        )
    if price is not None:
        values["price"] = checks.amount("price", price, "Price")
    checks.done()
    product = await find_product(product_id)
    if expected_version is not None and product.version != expected_version:
        raise Conflict
    if values:
        await _change(product, values, expected_version)
    return product


async def archive_product(ctx: Context, product_id: int) -> Product:
    """Take a product off sale; doing it again changes nothing.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ProductNotFound: there is none.
    """
    ctx.require_admin()
    product = await find_product(product_id)
    if product.archived_at is None:
        await _change(product, {"archived_at": timezone.now()})
    return product


async def find_product(product_id: int) -> Product:
    """Return one product as it is now, whoever asks.

    Raises:
        ProductNotFound: there is none.
    """
    # Not through the loader: it would hand out a row read before a change made in the same request.
    product = await Product.get_or_none(id=product_id) if 0 < product_id <= MAX_ID else None
    if product is None:
        raise ProductNotFound
    return product


async def _change(product: Product, values: dict[str, object], expected_version: int | None = None) -> None:
    products = Product.filter(id=product.id)
    if expected_version is not None:
        products = products.filter(version=expected_version)
    values["updated_at"] = timezone.now()
    if not await products.update(version=F("version") + 1, **values):
        raise Conflict
    await product.refresh_from_db()
