"""Rows have the columns that were read, the model's rules, and nothing else."""

from typing import Any

import pytest
from tortoise.models import Model

from core.resources import Resources
from engine.postgres.rows import model_of, row_class, row_columns
from engine.postgres.select import Read, Selection
from models import FailureCode, Order, OrderEvent, OrderItem, OrderStatus, Product, Session, User
from tests.factories import make_admin, make_order, make_product, make_token, make_user

pytestmark = pytest.mark.anyio

MODELS: list[type[Model]] = [Order, OrderEvent, OrderItem, Product, Session, User]


async def read(model: Any, *attributes: str) -> Any:
    reads = frozenset(attributes) if attributes else None
    (row,) = await Selection(model).fetch(Read(row_columns(model, reads)))
    return row


async def test_a_row_of_all_columns_says_what_the_model_says(resources: Resources) -> None:
    user = await make_user()
    await make_token(resources, user)
    await make_order(
        user, (await make_product(), 2), status=OrderStatus.FAILED, failure_code=FailureCode.OUT_OF_STOCK
    )
    for model in MODELS:
        row, stored = await read(model), await model.get()
        for column in model._meta.fields_db_projection:
            value = getattr(stored, column)
            assert getattr(row, column) == value, column
            if not isinstance(value, int | None) and column != "id":
                assert type(getattr(row, column)) is type(value), column
        assert row.pk == stored.pk


async def test_a_row_has_the_keys_and_what_its_rules_look_at_whatever_is_read(resources: Resources) -> None:
    await make_order(await make_user(), (await make_product(), 1))
    assert list((await read(Order, "total")).keys()) == ["id", "status", "total", "user_id"]
    assert list((await read(OrderItem, "quantity")).keys()) == ["id", "order_id", "product_id", "quantity"]
    assert list((await read(User, "no column")).keys()) == ["id", "deleted_at"]


async def test_the_rules_of_the_model_are_the_rules_of_its_rows(resources: Resources) -> None:
    owner, other, admin = await make_user(), await make_user(), await make_admin()
    stored = await make_order(owner)
    for status in OrderStatus:
        failure = FailureCode.OUT_OF_STOCK if status is OrderStatus.FAILED else None
        due_at = None if status.is_final else stored.due_at
        await Order.filter(id=stored.id).update(status=status, failure_code=failure, due_at=due_at)
        assert (await read(Order, "id")).is_cancellable is not status.is_final
    row = await read(Order, "id")
    assert [row.is_visible_to(user) for user in (owner, other, admin)] == [True, False, True]
    for user in await Selection(User).fetch(Read(row_columns(User, frozenset()))):
        assert user.is_live
    await User.all().update(deleted_at=stored.created_at)
    for user in await Selection(User).fetch(Read(row_columns(User, frozenset()))):
        assert not user.is_live


async def test_a_column_that_was_not_read_is_missed_aloud(resources: Resources) -> None:
    await make_order(await make_user())
    row = await read(Order, "total")
    with pytest.raises(AttributeError, match="OrderRow was read without 'shipping_address'"):
        row.shipping_address  # noqa: B018
    with pytest.raises(AttributeError, match="OrderRow was read without 'items'"):
        row.items  # noqa: B018
    with pytest.raises(AttributeError):
        row.total = 1
    with pytest.raises(AttributeError):
        row.anything = 1
    assert not hasattr(row, "save")


async def test_the_model_of_a_row_is_known_by_its_class(resources: Resources) -> None:
    stored = await make_product()
    row = await read(Product, "name")
    assert model_of(type(row)) is Product
    assert model_of(type(stored)) is Product
    assert model_of(str) is str


def test_one_class_is_made_for_the_same_columns() -> None:
    columns = row_columns(Order, frozenset({"total", "version"}))
    assert columns == row_columns(Order, frozenset({"version", "total", "id"}))
    assert row_class(Order, columns) is row_class(Order, columns)
    assert columns[0] == "id", "the primary key comes first"
    assert set(row_columns(Order)) == set(Order._meta.fields_db_projection)
