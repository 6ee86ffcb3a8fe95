"""Mutations of products and their stock."""

from typing import Annotated, Any

import strawberry

from graph.mutations.input import WHAT
from graph.resolvers import products
from graph.types.errors import payload
from graph.types.nodes import Info, database_id
from graph.types.products import (
    AdjustStockInput,
    AdjustStockPayload,
    ArchiveProductInput,
    ArchiveProductPayload,
    CreateProductInput,
    CreateProductPayload,
    UpdateProductInput,
    UpdateProductPayload,
)


def _product(row: Any) -> dict[str, Any]:
    return {"product": row}


@strawberry.type
class ProductMutations:
    """Bindings of the resolvers of the same name."""

    @strawberry.mutation(description="Put a product on sale. For administrators.")
    async def create_product(
        self, info: Info, input: Annotated[CreateProductInput, WHAT]
    ) -> CreateProductPayload:
        """Put a product on sale."""
        return await payload(
            info.context,
            CreateProductPayload,
            lambda: products.create_product(info.context, input.new_product()),
            _product,
        )

    @strawberry.mutation(
        description="Change a product. Orders already placed keep their prices. For administrators."
    )
    async def update_product(
        self, info: Info, input: Annotated[UpdateProductInput, WHAT]
    ) -> UpdateProductPayload:
        """Change a product."""
        return await payload(
            info.context,
            UpdateProductPayload,
            lambda: products.update_product(
                info.context,
                database_id(input.id, "Product"),
                name=input.name,
                description=input.description,
                price=input.price,
                expected_version=input.expected_version,
            ),
            _product,
        )

    @strawberry.mutation(description="Take a product off sale for good. For administrators.")
    async def archive_product(
        self, info: Info, input: Annotated[ArchiveProductInput, WHAT]
    ) -> ArchiveProductPayload:
        """Take a product off sale."""
        return await payload(
            info.context,
            ArchiveProductPayload,
            lambda: products.archive_product(info.context, database_id(input.id, "Product")),
            _product,
        )

    @strawberry.mutation(description="Add to a product's stock, or take from it. For administrators.")
    async def adjust_stock(self, info: Info, input: Annotated[AdjustStockInput, WHAT]) -> AdjustStockPayload:
        """Correct the stock."""
        return await payload(
            info.context,
            AdjustStockPayload,
            lambda: products.adjust_stock(
                info.context, database_id(input.id, "Product"), delta=input.delta, note=input.note
            ),
            _product,
        )
