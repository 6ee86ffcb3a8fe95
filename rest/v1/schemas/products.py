"""Products over v1."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from pydantic import ConfigDict

from core.money import to_decimal
from models import Product
from rest.v1.schemas.fields import Money, PageOut, example


@dataclass(frozen=True, slots=True)
class ProductSummary:
    """A product in a list."""

    id: int
    name: str
    price: Money
    in_stock: bool

    @classmethod
    def of(cls, product: Product) -> Self:
        """Return the view of a row."""
        return cls(product.id, product.name, to_decimal(product.price), product.on_hand > 0)


@dataclass(frozen=True, slots=True)
class ProductList(PageOut[ProductSummary]):
    """One page of products."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
        {
            "items": [{"id": 456, "name": "Product A", "price": 49.99, "in_stock": True}],
            "total": 40,
            "page": 1,
            "page_size": 20,
            "has_next": True,
        }
    )

    items: list[ProductSummary]


@dataclass(frozen=True, slots=True)
class ProductOut:
    """A product. An archived one can no longer be ordered."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
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

    id: int
    name: str
    description: str
    price: Money
    in_stock: bool
    is_archived: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, product: Product) -> Self:
        """Return the view of a row."""
        return cls(
            product.id,
            product.name,
            product.description,
            to_decimal(product.price),
            product.on_hand > 0,
            product.archived_at is not None,
            product.created_at,
            product.updated_at,
        )
