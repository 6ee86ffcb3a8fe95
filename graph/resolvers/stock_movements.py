"""The ledger of the stock: read, and written by hand. Sales are written by the workers (``tasks/settlement.py``)."""

from dataclasses import dataclass

from tortoise.exceptions import IntegrityError

from core.errors import AppError, Conflict, IdempotencyKeyReused, InvalidQuantity, StockMovementNotFound
from engine.postgres import Columns, Select, fetch, row_class, row_columns
from graph.resolvers.context import Context
from graph.resolvers.pagination import MAX_BIGINT, Ordering, Page, Window, paginate
from graph.resolvers.products import MAX_STOCK, find_product
from graph.resolvers.validation import MAX_NAME, Checks
from models import Product, StockMovementRow

#: Ids of one product's movements are in the order in which they became visible.
NEWEST_ID_FIRST = Ordering("id", descending=True)

_COLUMNS = row_columns(StockMovementRow)
#: One statement, which is its own transaction: what is on hand is compared, moved and noted at once. It moves nothing
#: with a key that was used before; of two requests with a new one, the second violates the unique index.
MOVE = f"""
WITH moved AS (
    UPDATE products SET on_hand = on_hand + $2::int, updated_at = now()
    WHERE id = $1::int AND on_hand::int8 + $2::int BETWEEN 0 AND {MAX_STOCK}
        AND ($3::int IS NULL OR on_hand = $3::int)
        AND NOT EXISTS (SELECT FROM stock_movements WHERE actor_id = $4::int AND idempotency_key = $6::text)
    RETURNING id, on_hand
)
INSERT INTO stock_movements (product_id, delta, on_hand_after, reason, actor_id, note, idempotency_key)
SELECT id, $2::int, on_hand, 'adjustment', $4::int, $5::text, $6::text FROM moved
RETURNING {", ".join(_COLUMNS)}
"""  # noqa: S608 - names of columns, and a number
_MOVEMENT = row_class(StockMovementRow, _COLUMNS)


@dataclass(frozen=True, slots=True)
class AdjustedStock:
    """The outcome of an adjustment; *replayed* when an earlier request with the same key had made it.

    Args:
        product: as it is now.
        movement: the entry of the ledger, the same one however often the request is repeated.
    """

    product: Product
    movement: StockMovementRow
    replayed: bool


async def get_stock_movement(ctx: Context, movement_id: int, *, columns: Columns = None) -> StockMovementRow:
    """Return one entry of the ledger.

    Args:
        columns: what will be read of it; all if not given.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        StockMovementNotFound: there is none.
    """
    ctx.require_admin()
    movement = await ctx.loaders.find(StockMovementRow, movement_id, columns, largest=MAX_BIGINT)
    if movement is None:
        raise StockMovementNotFound
    return movement


async def list_stock_movements(
    ctx: Context, product_id: int, *, window: Window, columns: Columns = None
) -> Page[StockMovementRow]:
    """Return the ledger of one product, newest entry first.

    Args:
        columns: what will be read of the entries; all if not given.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: the window is out of bounds.
    """
    ctx.require_admin()
    movements = Select(StockMovementRow).where(product_id=product_id)
    return await paginate(
        movements, NEWEST_ID_FIRST, window, columns=columns, counts=ctx.resources.total_counts
    )


async def adjust_stock(
    ctx: Context,
    product_id: int,
    *,
    delta: int,
    note: str = "",
    expected_on_hand: int | None = None,
    idempotency_key: str | None = None,
) -> AdjustedStock:
    """Add to the stock, or take from it, and say why in the ledger.

    Args:
        expected_on_hand: what must be on hand before.
        idempotency_key: with the same key the same user gets the same movement again, for ever
            (draft-ietf-httpapi-idempotency-key-header). A request that was refused has not used it.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: a note or key that cannot be.
        ProductNotFound: there is none.
        InvalidQuantity: *delta* is zero or out of bounds, or would take more than there is.
        Conflict: there is not *expected_on_hand*.
        IdempotencyKeyReused: the key stands for another movement.
    """
    viewer = ctx.require_admin()
    note, key = _check(note, idempotency_key)
    if delta == 0 or abs(delta) > MAX_STOCK:
        raise InvalidQuantity(f"Quantity must be between 1 and {MAX_STOCK}, either way", field=("delta",))
    values = [product_id, delta, expected_on_hand, viewer.id, note, key]
    try:
        moved = await fetch(MOVE, values, _MOVEMENT)
    except IntegrityError:
        if key is None:
            raise
        moved = []  # a concurrent request was faster with the key
    if moved:
        return AdjustedStock(await find_product(product_id), moved[0], replayed=False)
    if used := key and await Select(StockMovementRow).where(actor_id=viewer.id, idempotency_key=key).first():
        meaning = used.product_id, used.delta, used.note
        if meaning != (product_id, delta, note) or expected_on_hand not in (None, used.on_hand_after - delta):
            raise IdempotencyKeyReused(field=("idempotency_key",))
        return AdjustedStock(await find_product(product_id), used, replayed=True)
    raise _refusal((await find_product(product_id)).on_hand, delta, expected_on_hand)


def _check(note: str, key: str | None) -> tuple[str, str | None]:
    checks = Checks()
    note = checks.text("note", note, "Note", longest=MAX_NAME, blank=True)
    if key is not None:
        key = checks.idempotency_key(key)
    checks.done()
    return note, key


def _refusal(on_hand: int, delta: int, expected: int | None) -> AppError:
    """Return why nothing was moved."""
    if expected not in (None, on_hand):
        return Conflict(f"{on_hand} on hand, not {expected}", field=("expected_on_hand",))
    if not 0 <= on_hand + delta <= MAX_STOCK:
        return InvalidQuantity(
            f"Stock must stay between 0 and {MAX_STOCK}; {on_hand} on hand", field=("delta",)
        )
    return Conflict()  # what stood in the way has gone since
