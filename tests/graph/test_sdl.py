"""The schema as a contract: written down, described, and never broken without a warning."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    introspection_from_schema,
    is_introspection_type,
    is_specified_scalar_type,
)

from core.deprecations import announced_end
from engine.graphql import core_schema
from graph.schema import SDL_PATH, print_sdl
from graph.schema import build_schema as schema_of_the_code

#: What clients were given last. Release a version by copying ``schema.graphql`` over it.
RELEASED_PATH = Path(__file__).with_name("released.graphql")


def deprecated_places(schema: GraphQLSchema) -> set[str]:
    """Return where *schema* warns: ``Type.field``, ``Type.field.argument``, ``Enum.VALUE`` and the like."""
    places = set()
    for path, thing in described_things(schema):
        if getattr(thing, "deprecation_reason", None) is not None:
            places.add(path)
    return places


def ended_places(schema: GraphQLSchema) -> set[str]:
    """Return what *schema* has announced to be removed by now, in the same form."""
    ends = {
        path: announced_end(getattr(thing, "deprecation_reason", None))
        for path, thing in described_things(schema)
    }
    today = datetime.now(UTC).date()
    return {path for path, end in ends.items() if end is not None and end <= today}


def breaking_changes(released: str, now: str) -> list[str]:
    """Return what breaks clients of *released* that had not been announced there, or before the day."""
    old = build_schema(released)
    warned = ended_places(old)
    return [
        change.description
        for change in find_breaking_changes(old, build_schema(now))
        if not any(removal_of(place, change.description) for place in warned)
    ]


def removal_of(place: str, description: str) -> bool:
    """Tell whether *description* is that of the removal of *place*."""
    owner, _, last = place.rpartition(".")
    subjects = (f"Field {place}", f"Input field {place}", f"Enum value {place}", f"Argument {owner}({last}:)")
    return description in [f"{subject} was removed." for subject in subjects]


def described_things(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    """Yield every type, field, argument and enum value of our own, with its path."""
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield name, kind
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", held) for value, held in kind.values.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in kind.fields.items():
                yield f"{name}.{field_name}", field
                for argument_name, argument in getattr(field, "args", {}).items():
                    yield f"{name}.{field_name}.{argument_name}", argument


def test_schema_graphql_is_what_the_code_says() -> None:
    assert SDL_PATH.read_text() == print_sdl(), "schema.graphql is stale: run `make schema`"


def test_everything_in_the_schema_is_described() -> None:
    silent = [path for path, thing in described_things(build_schema(print_sdl())) if not thing.description]
    assert silent == []


def test_whatever_a_growing_list_could_be_polled_by_points_to_the_log() -> None:
    """Rows become visible in another order than that of their times, so a poll of a list would lose some."""
    described = dict(described_things(build_schema(print_sdl())))
    lists = [
        path
        for path in described
        # These two read the log itself.
        if path.rpartition(".")[2] == "after"
        and path not in ("Subscription.orderEvents.after", "Order.events.after")
    ]
    assert len(lists) == 8
    for path in ("OrderFilter.createdAfter", *lists):
        assert (
            "Not for polling" in described[path].description
            or "not for polling" in described[path].description
        )
        assert "`orderEvents`" in described[path].description, path


def told_inputs(introspected: Any) -> Iterator[tuple[str, Any]]:
    """Yield every argument and input field that introspection tells, with its path."""
    for kind in introspected["__schema"]["types"]:
        if not kind["name"].startswith("__"):
            for one in kind["inputFields"] or ():
                yield f"{kind['name']}.{one['name']}", one
            for field in kind["fields"] or ():
                for one in field["args"]:
                    yield f"{kind['name']}.{field['name']}.{one['name']}", one


def test_the_schema_tells_what_it_is_in_introspection_and_in_the_sdl() -> None:
    told: Any = introspection_from_schema(core_schema(schema_of_the_code()), schema_description=True)
    description = told["__schema"]["description"]
    assert description == build_schema(print_sdl()).description
    for word in ("databaseId", "`errors`", "Authorization: Bearer", "orderEvents", "cost"):
        assert word in description


def test_what_may_be_left_out_has_no_null_for_a_default() -> None:
    """Null is as if left out; ``= null`` says so where nobody asks, and differs in no other way."""
    told: Any = introspection_from_schema(core_schema(schema_of_the_code()))
    inputs = dict(told_inputs(told))
    assert inputs["Query.products.first"]["defaultValue"] is None
    assert inputs["AdjustStockInput.note"]["defaultValue"] == '""'
    assert [path for path, one in inputs.items() if one["defaultValue"] == "null"] == []
    assert "= null" not in print_sdl()


def test_no_description_is_a_mere_repetition_of_the_name() -> None:
    for path, thing in described_things(build_schema(print_sdl())):
        words = thing.description.strip(" .").replace(" ", "").lower()
        assert words != path.rpartition(".")[2].lower(), path


def test_nothing_that_clients_rely_on_was_removed_without_a_warning() -> None:
    broken = breaking_changes(RELEASED_PATH.read_text(), print_sdl())
    assert broken == [], (
        "deprecate it in core/deprecations.py, and remove it when it has ended (CONTRIBUTING.md)"
    )


ENDED = '@deprecated(reason: "Since 2025-01-01; to be removed on 2026-01-01 or later.")'
OLD = f"""
type Query {{ kept: Int  gone(a: Int, b: Int): Int  old: Int {ENDED}
    f(a: Int {ENDED}, b: Int): Colour  endless: Int @deprecated(reason: "Since 2025-01-01.")
    early: Int @deprecated(reason: "Since 2025-01-01; to be removed on 9999-01-01 or later.") }}
enum Colour {{ RED GREEN BLUE {ENDED} }}
"""


@pytest.mark.parametrize(
    ("before", "after", "broken"),
    [
        ("gone(a: Int, b: Int): Int", "", ["Field Query.gone was removed."]),
        ("gone(a: Int, b: Int)", "gone(a: Int)", ["Argument Query.gone(b:) was removed."]),
        ("kept: Int", "kept: String", ["Field Query.kept changed type from Int to String."]),
        ("b: Int): Colour", "b: Int!): Colour", ["Argument Query.f(b:) has changed type from Int to Int!."]),
        ("RED GREEN", "RED", ["Enum value Colour.GREEN was removed."]),
        (f"old: Int {ENDED}", "", []),
        (f"a: Int {ENDED},", "", []),
        (f"BLUE {ENDED}", "", []),
        ("endless: Int", "another: Int", ["Field Query.endless was removed."]),
        ("early: Int", "another: Int", ["Field Query.early was removed."]),
        (f"old: Int {ENDED}", "old: String", ["Field Query.old changed type from Int to String."]),
        ("kept: Int", "kept: Int!  new: Int", []),
    ],
)
def test_the_check_catches_a_removal_and_lets_an_announced_one_pass(
    before: str, after: str, broken: list[str]
) -> None:
    assert before in OLD
    assert breaking_changes(OLD, OLD.replace(before, after)) == broken
