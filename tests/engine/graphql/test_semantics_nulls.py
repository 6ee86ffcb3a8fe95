"""Nulls where there must be none, and errors: what becomes null, and what is told (section 6.4.4)."""

import asyncio
from typing import Any

import pytest
import strawberry

from tests.engine.graphql.conftest import Run, errors_of

pytestmark = pytest.mark.anyio

TROUBLE = ValueError("trouble")


@strawberry.type
class Node:
    """A chain whose links are null, fail, or may not be null."""

    fails: strawberry.Private[str] = ""

    def _next(self, name: str) -> "Node | None":
        if self.fails == f"null {name}":
            return None
        if self.fails == name:
            raise TROUBLE
        return Node(fails=self.fails)

    @strawberry.field
    def sync(self) -> "Node | None":
        """Go on, at once."""
        return self._next("sync")

    @strawberry.field
    def sync_must(self) -> "Node":
        """Go on at once, to something."""
        return self._next("syncMust")  # type: ignore[return-value]

    @strawberry.field
    async def later(self) -> "Node | None":
        """Go on, later."""
        await asyncio.sleep(0)
        return self._next("later")

    @strawberry.field
    async def later_must(self) -> "Node":
        """Go on later, to something."""
        await asyncio.sleep(0)
        return self._next("laterMust")  # type: ignore[return-value]

    @strawberry.field(graphql_type=list["Node | None"])  # type: ignore[untyped-decorator]
    def both(self) -> Any:
        """Branch; the second one fails by itself."""
        return [Node(), Node(fails=self.fails)]

    @strawberry.field
    def ok(self) -> int:
        """End."""
        return 1


NULL = "Cannot return null for non-nullable field Node.{}."
#: What fails, a query, its data, and the errors.
CHAINS: dict[str, tuple[str, str, Any, list[Any]]] = {
    "an error where null may be": (
        "sync",
        "{ sync { ok } ok }",
        {"sync": None, "ok": 1},
        [(["sync"], "trouble")],
    ),
    "a late one": ("later", "{ later { ok } ok }", {"later": None, "ok": 1}, [(["later"], "trouble")]),
    "a null where it may be": ("null sync", "{ sync { ok } ok }", {"sync": None, "ok": 1}, []),
    "a null where it may not be nulls the parent": (
        "null syncMust",
        "{ later { syncMust { ok } ok } ok }",
        {"later": None, "ok": 1},
        [(["later", "syncMust"], NULL.format("syncMust"))],
    ),
    "and the parent's parents": (
        "laterMust",
        "{ sync { laterMust { syncMust { ok } } } ok }",
        {"sync": None, "ok": 1},
        [(["sync", "laterMust"], "trouble")],
    ),
    "as far as there is none": (
        "laterMust",
        "{ syncMust { syncMust { laterMust { ok } } } ok }",
        None,
        [(["syncMust", "syncMust", "laterMust"], "trouble")],
    ),
    "a null in a list stays there": (
        "null laterMust",
        "{ both { laterMust { ok } ok } }",
        {"both": [{"laterMust": {"ok": 1}, "ok": 1}, None]},
        [(["both", 1, "laterMust"], NULL.format("laterMust"))],
    ),
    "aliases are in the path": (
        "later",
        "{ x: both { y: later { ok } } }",
        {"x": [{"y": {"ok": 1}}, {"y": None}]},
        [(["x", 1, "y"], "trouble")],
    ),
    "two errors in two places": (
        "sync",
        "{ a: sync { ok } b: sync { ok } both { sync { ok } } }",
        {"a": None, "b": None, "both": [{"sync": {"ok": 1}}, {"sync": None}]},
        [(["a"], "trouble"), (["b"], "trouble"), (["both", 1, "sync"], "trouble")],
    ),
    "the same error in many rows": (
        "later",
        "{ both { both { later { ok } } } }",
        {
            "both": [
                {"both": [{"later": {"ok": 1}}] * 2},
                {"both": [{"later": {"ok": 1}}, {"later": None}]},
            ]
        },
        [(["both", 1, "both", 1, "later"], "trouble")],
    ),
}


@strawberry.type(name="Query")
class Root(Node):
    """The root is a node too."""


CHAIN = strawberry.Schema(Root)


@pytest.mark.parametrize(("fails", "text", "data", "errors"), CHAINS.values(), ids=CHAINS)
async def test_nulls_go_up_to_where_they_may_be(
    run: Run, fails: str, text: str, data: Any, errors: list[Any]
) -> None:
    result = await run(CHAIN, text, root=Root(fails=fails))
    assert result.data == data
    assert errors_of(result) == errors


async def test_locations_are_those_of_every_merged_field(run: Run) -> None:
    text = "{\n  sync { ok }\n  ... on Query {\n    sync { __typename }\n  }\n}"
    result = await run(CHAIN, text, root=Root(fails="sync"))
    assert result.errors
    (error,) = result.errors
    assert [(place.line, place.column) for place in error.locations or ()] == [(2, 3), (4, 5)]
    assert error.original_error is TROUBLE
    assert error.formatted == {
        "message": "trouble",
        "locations": [{"line": 2, "column": 3}, {"line": 4, "column": 5}],
        "path": ["sync"],
    }


async def test_an_item_that_fails_twice_is_told_once(run: Run) -> None:
    result = await run(
        CHAIN, "{ sync { a: laterMust { ok } b: laterMust { ok } } }", root=Root(fails="laterMust")
    )
    assert result.data == {"sync": None}
    ((path, message),) = errors_of(result)
    assert path in (["sync", "a"], ["sync", "b"])
    assert message == "trouble"
