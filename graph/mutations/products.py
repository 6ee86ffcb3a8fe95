"""Mutations of products and their stock."""

import strawberry

from graph.mutations.binding import mutation
from graph.resolvers import products
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


@strawberry.type
class ProductMutations:
    """Bindings of :mod:`graph.resolvers.products`."""

    @mutation
    async def create_product(self, info: Info, input: CreateProductInput) -> CreateProductPayload:
        """Put a product on sale. For administrators."""
        product = await products.create_product(info.context, input.new_product())
        return CreateProductPayload(product=product)

    @mutation
    async def update_product(self, info: Info, input: UpdateProductInput) -> UpdateProductPayload:
        """Change a product. Orders that are placed already keep their prices. For administrators."""
        product = await products.update_product(
            info.context,
            database_id(input.id, "Product"),
            name=input.name,
            description=input.description,
            price=input.price,
            expected_version=input.expected_version,
        )
        return UpdateProductPayload(product=product)

    @mutation
    async def archive_product(self, info: Info, input: ArchiveProductInput) -> ArchiveProductPayload:
        """Take a product off sale for good. For administrators."""
        product = await products.archive_product(info.context, database_id(input.id, "Product"))
        return ArchiveProductPayload(product=product)

    @mutation
    async def adjust_stock(self, info: Info, input: AdjustStockInput) -> AdjustStockPayload:
        """Add pieces to the stock of a product, or take some away. For administrators."""
        product = await products.adjust_stock(
            info.context, database_id(input.id, "Product"), delta=input.delta, note=input.note
        )
        return AdjustStockPayload(product=product)
