"""Rows have the columns that were read, the model's rules, and nothing else."""

from typing import Any, get_type_hints

import pytest
from fastapi import FastAPI

from core.resources import Resources
from engine.postgres import Row, Select, declared_columns, model_of, row_class, row_columns
from models import (
    FailureCode,
    Order,
    OrderEventRow,
    OrderItemRow,
    OrderRow,
    OrderStatus,
    Product,
    ProductRow,
    SessionRow,
    User,
    UserRow,
)
from tests.factories import make_admin, make_order, make_product, make_token, make_user

pytestmark = pytest.mark.anyio

ROW_TYPES: list[type[Row]] = [OrderEventRow, OrderItemRow, OrderRow, ProductRow, SessionRow, UserRow]


async def read(row_type: Any, *attributes: str) -> Any:
    ((row,), _) = await Select(row_type).fetch(frozenset(attributes) if attributes else None)
    return row


@pytest.mark.parametrize("row_type", ROW_TYPES)
def test_a_row_type_declares_the_columns_of_its_model(row_type: type[Row], app: FastAPI) -> None:
    columns = row_type.row_model._meta.fields_db_projection
    assert declared_columns(row_type) == set(columns) == set(columns.values())


@pytest.mark.parametrize("row_type", ROW_TYPES)
def test_a_row_type_declares_the_types_of_the_values(row_type: type[Row], app: FastAPI) -> None:
    for name, hint in get_type_hints(row_type).items():
        if name in declared_columns(row_type):
            field: Any = row_type.row_model._meta.fields_map[name]
            kind = getattr(field, "enum_type", None) or field.field_type
            # The database fills in the user of an event.
            null = field.null and (row_type, name) != (OrderEventRow, "user_id")
            assert hint == (kind | None if null else kind), name


async def test_a_row_of_all_columns_says_what_the_model_says(resources: Resources) -> None:
    user = await make_user()
    await make_token(resources, user)
    await make_order(
        user, (await make_product(), 2), status=OrderStatus.FAILED, failure_code=FailureCode.OUT_OF_STOCK
    )
    for row_type in ROW_TYPES:
        row, stored = await read(row_type), await row_type.row_model.get()
        for column in declared_columns(row_type):
            value = getattr(stored, column)
            assert getattr(row, column) == value, column
            if not isinstance(value, int | None) and column != "id":
                assert type(getattr(row, column)) is type(value), column
        assert row.id == stored.pk


async def test_a_row_has_the_keys_and_what_its_rules_look_at_whatever_is_read(resources: Resources) -> None:
    await make_order(await make_user(), (await make_product(), 1))
    assert list((await read(OrderRow, "total")).keys()) == ["id", "status", "total", "user_id"]
    assert list((await read(OrderItemRow, "quantity")).keys()) == ["id", "order_id", "product_id", "quantity"]
    columns = (await read(UserRow, "no column")).keys()
    assert sorted(columns) == ["deleted_at", "email", "id", "recovery_email"]


async def test_the_rules_of_the_model_are_the_rules_of_its_rows(resources: Resources) -> None:
    owner, other, admin = await make_user(), await make_user(), await make_admin()
    stored = await make_order(owner)
    for status in OrderStatus:
        failure = FailureCode.OUT_OF_STOCK if status is OrderStatus.FAILED else None
        due_at = None if status.is_final else stored.due_at
        await Order.filter(id=stored.id).update(status=status, failure_code=failure, due_at=due_at)
        assert (await read(OrderRow, "id")).is_cancellable is not status.is_final
    row = await read(OrderRow, "id")
    assert [row.is_visible_to(user) for user in (owner, other, admin)] == [True, False, True]
    live = await Select(UserRow).fetch(frozenset())
    assert [user.is_live for user in live.rows] == [True] * 3
    await User.all().update(deleted_at=stored.created_at)
    deleted = await Select(UserRow).fetch(frozenset())
    assert [user.is_live for user in deleted.rows] == [False] * 3


async def test_a_column_that_was_not_read_is_missed_aloud(resources: Resources) -> None:
    await make_order(await make_user())
    row = await read(OrderRow, "total")
    with pytest.raises(AttributeError, match="OrderRow was read without 'shipping_address'"):
        row.shipping_address  # noqa: B018
    with pytest.raises(AttributeError, match="OrderRow was read without 'items'"):
        row.items  # noqa: B018
    with pytest.raises(AttributeError):
        row.total = 1
    with pytest.raises(AttributeError):
        row.anything = 1
    (typed,) = (await Select(OrderRow).fetch(frozenset())).rows
    with pytest.raises(AttributeError):
        await typed.save()  # type: ignore[attr-defined]  # mypy must know, too


async def test_the_model_of_a_row_is_known_by_its_class(resources: Resources) -> None:
    stored = await make_product()
    row = await read(ProductRow, "name")
    assert model_of(type(row)) is Product
    assert model_of(type(stored)) is Product
    assert model_of(str) is str


def test_one_class_is_made_for_the_same_columns(app: FastAPI) -> None:
    columns = row_columns(OrderRow, frozenset({"total", "version"}))
    assert columns == row_columns(OrderRow, frozenset({"version", "total", "id"}))
    assert row_class(OrderRow, columns) is row_class(OrderRow, columns)
    assert columns[0] == "id", "the primary key comes first"
    assert set(row_columns(OrderRow)) == declared_columns(OrderRow)


async def test_a_model_has_the_rules_of_its_rows(resources: Resources) -> None:
    order = await make_order(await make_user())
    assert isinstance(order, Order)
    assert order.is_cancellable
