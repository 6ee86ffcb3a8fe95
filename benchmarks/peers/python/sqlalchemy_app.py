"""The REST list by FastAPI and SQLAlchemy 2 on asyncpg: mapped classes, Pydantic models, injected sessions."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Query
from pydantic import BaseModel, ConfigDict
from signed_in import DATABASE_URL, POOL, viewer_id
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    DATABASE_URL.replace("postgres://", "postgresql+asyncpg://"), pool_size=POOL, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """Of all mapped classes."""


class Order(Base):
    """An order."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    status: Mapped[str]
    total: Mapped[int]
    shipping_address: Mapped[str]
    failure_code: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @property
    def total_amount(self) -> float:
        """The total in whole units."""
        return self.total / 100


class OrderSummary(BaseModel):
    """An order in a list."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    user_id: int
    status: str
    total_amount: float
    created_at: datetime
    updated_at: datetime


class OrderList(BaseModel):
    """One page."""

    items: list[OrderSummary]
    total: int
    page: int
    page_size: int
    has_next: bool


async def get_session() -> AsyncIterator[AsyncSession]:
    """Lend a session to a request."""
    async with sessions() as session:
        yield session


def get_viewer(authorization: Annotated[str, Header()]) -> int:
    """Return who asks."""
    return viewer_id(authorization)


app = FastAPI()


@app.get("/api/v1/orders")
async def list_orders(
    viewer: Annotated[int, Depends(get_viewer)],
    session: Annotated[AsyncSession, Depends(get_session)],
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> OrderList:
    """Return a page of the viewer's orders, newest first."""
    own = select(Order).where(Order.user_id == viewer)
    rows = await session.scalars(
        own.order_by(Order.created_at.desc(), Order.id.desc()).offset((page - 1) * page_size).limit(page_size)
    )
    total = await session.scalar(select(func.count()).select_from(Order).where(Order.user_id == viewer))
    items = [OrderSummary.model_validate(row) for row in rows]
    return OrderList(
        items=items,
        total=total or 0,
        page=page,
        page_size=page_size,
        has_next=page * page_size < (total or 0),
    )
