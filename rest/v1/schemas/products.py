"""Products over v1."""

from typing import Annotated

from pydantic import with_config
from typing_extensions import TypedDict

from graph.resolvers.pagination import Offset, Page
from models import ProductRow
from rest.v1.paging import position
from rest.v1.schemas.bounds import (
    ON_PAGE,
    Count,
    Id,
    Name,
    PageNumber,
    PageSize,
    ProductDescription,
    Time,
)
from rest.v1.schemas.fields import Money, example, money

#: What a product in a list is made from.
SUMMARY_COLUMNS = frozenset({"name", "price", "on_hand"})


class ProductSummary(TypedDict):
    """A product in a list."""

    id: Id
    name: Name
    price: Money
    in_stock: bool


def product_summary(product: ProductRow) -> ProductSummary:
    return {
        "id": product.id,
        "name": product.name,
        "price": money(product.price),
        "in_stock": product.on_hand > 0,
    }


@with_config(
    example(
        {
            "items": [{"id": 456, "name": "Product A", "price": 49.99, "in_stock": True}],
            "total": 40,
            "page": 1,
            "page_size": 20,
            "has_next": True,
        }
    )
)
class ProductList(TypedDict):
    """One page of products."""

    items: Annotated[list[ProductSummary], ON_PAGE]
    total: Count
    page: PageNumber
    page_size: PageSize
    has_next: bool


def product_list(page: Page[ProductRow], total: int, paging: Offset) -> ProductList:
    """Return the view of a page; *total* is the length of the whole list."""
    return {"items": [product_summary(product) for product in page.rows], **position(page, total, paging)}


@with_config(
    example(
        {
            "id": 456,
            "name": "Product A",
            "description": "A product that is worth its price.",
            "price": 49.99,
            "in_stock": True,
            "is_archived": False,
            "created_at": "2025-01-05T09:00:00Z",
            "updated_at": "2025-01-12T14:20:00Z",
        }
    )
)
class ProductOut(TypedDict):
    """A product. An archived one can no longer be ordered."""

    id: Id
    name: Name
    description: ProductDescription
    price: Money
    in_stock: bool
    is_archived: bool
    created_at: Time
    updated_at: Time


def product_out(product: ProductRow) -> ProductOut:
    return {
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "price": money(product.price),
        "in_stock": product.on_hand > 0,
        "is_archived": product.archived_at is not None,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
    }
