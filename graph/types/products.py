"""``Product``, and the inputs and payloads of its mutations."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from core.money import MAX_PRICE, to_decimal
from engine.graphql import batch_field, reads
from graph.resolvers.context import Context
from graph.resolvers.pagination import MAX_SEARCH_WORDS, SEARCH_BOUNDS, Page
from graph.resolvers.products import MAX_STOCK, NewProduct
from graph.resolvers.stock_movements import list_stock_movements
from graph.resolvers.validation import MAX_DESCRIPTION, MAX_NAME, TRIMMED
from graph.types.bounds import bounds
from graph.types.connections import connection_field
from graph.types.errors import Payload
from graph.types.nodes import EXPECTED_VERSION, Node, recognise, row_id
from graph.types.scalars import Money, moneys
from models import Product, ProductRow, StockMovementRow

if TYPE_CHECKING:
    from graph.types.stock_movements import StockMovementType

PRICE_BOUNDS = (
    f"0 to {to_decimal(MAX_PRICE):,} in the currency of the shop, with at most two decimal places,"
    ' such as `"49.90"`'
)


@strawberry.type(name="Product", description="A product that the shop sells, or has sold.")
class ProductType(Node):
    """A row of :class:`models.Product`."""

    name: str = strawberry.field(description="The name of the product.")
    description: str = strawberry.field(
        description="The description of the product; may be empty.",
        metadata=bounds(characters=MAX_DESCRIPTION),
    )
    on_hand: int = strawberry.field(description="The number of pieces in stock that orders can take now.")
    version: int = strawberry.field(
        description="A number that grows with every change of the product, except of its stock; for `expectedVersion`."
    )
    archived_at: datetime | None = strawberry.field(
        description="When the product was taken off sale; null while it is on sale."
    )
    created_at: datetime = strawberry.field(description="When the product was created.")
    updated_at: datetime = strawberry.field(
        description="When the product was last changed, its stock included."
    )

    is_type_of = recognise(Product)
    database_id = row_id()

    @batch_field(
        reads=("price",),
        description="The price of one piece now. Orders keep the price of the time at which they were placed.",
    )
    def price(products: list[Product | ProductRow], ctx: Context) -> list[Money]:
        return moneys([product.price for product in products], ctx.currency)

    @strawberry.field(description="Whether `onHand` is at least 1.", metadata=reads("on_hand"))
    def in_stock(root: strawberry.Parent[Product | ProductRow]) -> bool:
        return root.on_hand > 0

    @connection_field(
        Annotated["StockMovementType", strawberry.lazy("graph.types.stock_movements")], metadata=reads("id")
    )
    async def stock_movements(
        product: Product | ProductRow, ctx: Context, **given: Any
    ) -> Page[StockMovementRow]:
        """The ledger of the product's stock, newest movement first; the first `onHandAfter` is `onHand`, and the rest
        follows from `delta`. A later movement never takes a place behind an earlier one: what is new since a page is
        all before its `startCursor`. For administrators only.
        """
        columns = ctx.loaders.columns_of("StockMovement")
        return await list_stock_movements(ctx, product.id, **given, columns=columns)


@strawberry.input(description="Conditions on products, all of which must hold.")
class ProductFilter:
    search: str | None = strawberry.field(
        default=None,
        description=f"Words, the first {MAX_SEARCH_WORDS} of which must all occur in the name or the description;"
        f" upper and lower case do not matter. It has {SEARCH_BOUNDS}.",
    )
    in_stock: bool | None = strawberry.field(
        default=None, description="True: only products with stock. False: only those without."
    )
    archived: bool | None = strawberry.field(
        default=None,
        description="True: the products off sale, for administrators only. Otherwise: those on sale.",
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :func:`graph.resolvers.products.list_products`."""
        return {"search": self.search, "in_stock": self.in_stock, "archived": bool(self.archived)}


@strawberry.input(description="The product to put on sale.")
class CreateProductInput:
    """Input of ``createProduct``."""

    name: str = strawberry.field(
        description=f"The name of the product: 1 to {MAX_NAME} characters. {TRIMMED}"
    )
    description: str = strawberry.field(
        default="",
        description=f"The description of the product, at most {MAX_DESCRIPTION:,} characters. {TRIMMED}",
    )
    price: Decimal = strawberry.field(description=f"The price of one piece: {PRICE_BOUNDS}.")
    on_hand: int = strawberry.field(
        default=0, description=f"The number of pieces in stock to begin with: 0 to {MAX_STOCK:,}."
    )

    def new_product(self) -> NewProduct:
        """Return the input as the resolver takes it."""
        return NewProduct(self.name, self.price, self.description, self.on_hand)


@strawberry.input(description="Changes of a product. What is left out stays as it is.")
class UpdateProductInput:
    """Input of ``updateProduct``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the product.")
    name: str | None = strawberry.field(
        default=None, description=f"The new name: 1 to {MAX_NAME} characters. {TRIMMED}"
    )
    description: str | None = strawberry.field(
        default=None, description=f"The new description, at most {MAX_DESCRIPTION:,} characters. {TRIMMED}"
    )
    price: Decimal | None = strawberry.field(
        default=None, description=f"The new price of one piece: {PRICE_BOUNDS}."
    )
    expected_version: int | None = strawberry.field(default=None, description=EXPECTED_VERSION)


@strawberry.input(description="The product to take off sale.")
class ArchiveProductInput:
    """Input of ``archiveProduct``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the product.")


@strawberry.type
class ProductOutcome:
    """What a payload shows of one product."""

    product: Product | None = strawberry.field(
        default=None,
        graphql_type=ProductType | None,
        description="The product as it is now; null after an error.",
    )


@strawberry.type(description="The outcome of `createProduct`: the new product.")
class CreateProductPayload(ProductOutcome, Payload): ...


@strawberry.type(description="The outcome of `updateProduct`: the changed product.")
class UpdateProductPayload(ProductOutcome, Payload): ...


@strawberry.type(description="The outcome of `archiveProduct`: the product off sale.")
class ArchiveProductPayload(ProductOutcome, Payload): ...
