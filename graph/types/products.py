"""``Product`` and the inputs and payloads of its mutations."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from engine.graphql import batch_field, reads
from graph.resolvers.context import Context
from graph.resolvers.products import NewProduct
from graph.types.errors import UserError
from graph.types.nodes import Node, recognise, row_id
from graph.types.scalars import Money, moneys
from models import Product


@strawberry.type(name="Product", description="Something that the shop sells.")
class ProductType(Node):
    """A row of :class:`models.Product`."""

    name: str = strawberry.field(description="What it is called.")
    description: str = strawberry.field(description="What there is to say about it; may be empty.")
    on_hand: int = strawberry.field(description="How many can be taken now.")
    version: int = strawberry.field(
        description="Grows with every change but those of stock; for `expectedVersion`."
    )
    archived_at: datetime | None = strawberry.field(
        description="When it was taken off sale; null while on sale."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed, its stock included.")

    is_type_of = recognise(Product)
    database_id = row_id()

    @batch_field(
        reads=("price",),
        description="What one costs now. Orders keep the price of the time they were placed.",
    )
    def price(products: list[Product], ctx: Context) -> list[Money]:
        """Return the prices in the configured currency."""
        return moneys([product.price for product in products], ctx.currency)

    @strawberry.field(description="Whether anything is on hand.", metadata=reads("on_hand"))
    def in_stock(root: strawberry.Parent[Product]) -> bool:
        """Tell whether one can be taken."""
        return root.on_hand > 0


@strawberry.input(description="Which products to list. All conditions must hold.")
class ProductFilter:
    """Conditions on products."""

    search: str | None = strawberry.field(
        default=None, description="Words that must all be part of the name or the description."
    )
    in_stock: bool | None = strawberry.field(
        default=None, description="Only those with (or without) anything on hand."
    )
    archived: bool | None = strawberry.field(
        default=None, description="True: those off sale instead; for administrators only."
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the resolver."""
        return {"search": self.search, "in_stock": self.in_stock, "archived": bool(self.archived)}


@strawberry.input(description="A product that is to be.")
class CreateProductInput:
    """Input of ``createProduct``."""

    name: str = strawberry.field(description="What it is called, at most 200 characters.")
    description: str = strawberry.field(default="", description="What there is to say about it.")
    price: Decimal = strawberry.field(description="What one costs, with at most two decimal places.")
    on_hand: int = strawberry.field(default=0, description="How many there are to begin with.")

    def new_product(self) -> NewProduct:
        """Translate the input for the resolver."""
        return NewProduct(self.name, self.price, self.description, self.on_hand)


@strawberry.input(description="Changes of a product. What is left out stays as it is.")
class UpdateProductInput:
    """Input of ``updateProduct``."""

    id: strawberry.ID = strawberry.field(description="The product's global id.")
    name: str | None = strawberry.field(default=None, description="The new name.")
    description: str | None = strawberry.field(default=None, description="The new description.")
    price: Decimal | None = strawberry.field(default=None, description="The new price.")
    expected_version: int | None = strawberry.field(
        default=None, description="The `version` that the change was made for; another one is a CONFLICT."
    )


@strawberry.input(description="Which product to take off sale.")
class ArchiveProductInput:
    """Input of ``archiveProduct``."""

    id: strawberry.ID = strawberry.field(description="The product's global id.")


@strawberry.input(description="A change of a product's stock.")
class AdjustStockInput:
    """Input of ``adjustStock``."""

    id: strawberry.ID = strawberry.field(description="The product's global id.")
    delta: int = strawberry.field(description="How many to add, or with a minus sign to take away.")
    note: str = strawberry.field(default="", description="Why, for the ledger; at most 200 characters.")


@strawberry.type(description="The outcome of a mutation of one product.")
class ProductOutcome:
    """What the payloads below have in common."""

    product: ProductType | None = strawberry.field(
        default=None, description="The product as it is now; null after an error."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )


@strawberry.type(description="The outcome of `createProduct`.")
class CreateProductPayload(ProductOutcome):
    """The new product."""


@strawberry.type(description="The outcome of `updateProduct`.")
class UpdateProductPayload(ProductOutcome):
    """The changed product."""


@strawberry.type(description="The outcome of `archiveProduct`.")
class ArchiveProductPayload(ProductOutcome):
    """The product off sale."""


@strawberry.type(description="The outcome of `adjustStock`.")
class AdjustStockPayload(ProductOutcome):
    """The product with its new stock."""
