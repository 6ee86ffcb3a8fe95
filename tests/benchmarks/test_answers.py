"""When the bench takes two servers' answers for the same."""

import base64
import json
from typing import Any

import pytest

from benchmarks.answers import AnswersDiffer, canonical, difference


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def told(data: Any) -> bytes:
    return json.dumps({"data": data}).encode()


OURS = {
    "orders": {
        "nodes": [
            {
                "id": encoded("Order:7"),
                "status": "COMPLETED",
                "createdAt": "2026-01-01T00:00:00.100000Z",
                "total": {"amount": "12.05", "currency": "USD"},
                "items": [
                    {"quantity": 2, "product": {"id": encoded("Product:3"), "price": {"amount": "0.09"}}}
                ],
            }
        ],
        "pageInfo": {"hasNextPage": True},
    }
}
THEIRS = {
    "viewer": {
        "orders": {
            "nodes": [
                {
                    "id": encoded('["Order",7]'),
                    "status": "completed",
                    "createdAt": "2026-01-01T01:00:00.1+01:00",
                    "total": "1205",
                    "items": {
                        "nodes": [{"quantity": 2, "product": {"id": encoded('["products",3]'), "price": "9"}}]
                    },
                }
            ],
            "pageInfo": {"hasNextPage": True},
        }
    }
}


def test_postgraphiles_own_shape_carries_the_same_data() -> None:
    assert difference(canonical(told(OURS), "graphql"), canonical(told(THEIRS), "postgraphile")) is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"me": {"email": "a"}}, {"viewer": {"email": "a"}}),
        ({"order": {"status": "FAILED"}}, {"viewer": {"order": {"nodes": [{"status": "failed"}]}}}),
        ({"order": None}, {"viewer": {"order": {"nodes": []}}}),
        ({"a": {"nodes": [{"databaseId": 5}]}}, {"a": {"nodes": [{"rowId": 5}]}}),
    ],
)
def test_other_shapes_of_postgraphile(ours: Any, theirs: Any) -> None:
    assert difference(canonical(told(ours), "graphql"), canonical(told(theirs), "postgraphile")) is None


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        ({"a": 1}, {"a": 2}, "answer.a"),
        ({"a": 1}, {}, "answer.a"),
        ({"a": None}, {}, "answer.a"),
        ({"a": [1]}, {"a": [1, 2]}, "answer.a"),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, "answer.a[0].b"),
        ({"at": "2026-01-01T00:00:00.001Z"}, {"at": "2026-01-01T00:00:00.002Z"}, "answer.at"),
        ({"id": encoded("Order:1")}, {"id": encoded("Product:1")}, "answer.id"),
        ({"total": {"amount": "1.00"}}, {"total": {"amount": "1.01"}}, "answer.total.amount"),
    ],
)
def test_what_differs_is_found(one: Any, other: Any, place: str) -> None:
    found = difference(canonical(told(one), "graphql"), canonical(told(other), "graphql"))
    assert found is not None
    assert found.startswith(f"{place}:")


@pytest.mark.parametrize(
    "body", [b'{"errors":[{"message":"no"}]}', b'{"data":{"me":null},"errors":[{}]}', b"{}"]
)
def test_an_error_is_no_answer(body: bytes) -> None:
    with pytest.raises(AnswersDiffer):
        canonical(body, "graphql")


def test_rest_tells_whole_seconds() -> None:
    ours, theirs = b'{"at":"2026-01-01T00:00:00Z","sum":5}', b'{"at":"2026-01-01T00:00:00.960000Z","sum":5.0}'
    assert difference(canonical(ours, "rest"), canonical(theirs, "rest")) is None


def test_schemas_are_compared_by_name_without_what_libraries_bring() -> None:
    def schema(*names: str) -> bytes:
        types = [{"kind": "OBJECT", "name": name, "fields": [{"name": "b"}, {"name": "a"}]} for name in names]
        return told({"__schema": {"types": types, "directives": [{"name": names[0]}]}})

    ours = canonical(schema("Order", "User", "__Type"), "graphql")
    assert difference(ours, canonical(schema("User", "Order"), "graphql")) is None
    assert difference(ours, canonical(schema("User", "Product"), "graphql")) is not None
