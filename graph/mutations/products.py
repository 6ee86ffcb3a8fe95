"""Mutations of products and their stock."""

import strawberry

from core.errors import Conflict
from graph.mutations.binding import mutation
from graph.resolvers import products, stock_movements
from graph.types.errors import user_errors
from graph.types.nodes import Info, database_id
from graph.types.products import (
    ArchiveProductInput,
    ArchiveProductPayload,
    CreateProductInput,
    CreateProductPayload,
    UpdateProductInput,
    UpdateProductPayload,
)
from graph.types.stock_movements import AdjustStockInput, AdjustStockPayload


@strawberry.type
class ProductMutations:
    """Bindings of :mod:`graph.resolvers.products` and :mod:`graph.resolvers.stock_movements`."""

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
        product_id = database_id(input.id, "Product")
        try:
            adjusted = await stock_movements.adjust_stock(
                info.context,
                product_id,
                delta=input.delta,
                note=input.note,
                expected_on_hand=input.expected_on_hand,
                idempotency_key=input.idempotency_key,
            )
        except Conflict as error:
            product = await products.get_product(info.context, product_id)
            return AdjustStockPayload(product=product, errors=user_errors(error))
        return AdjustStockPayload(
            product=adjusted.product, movement=adjusted.movement, replayed=adjusted.replayed
        )
