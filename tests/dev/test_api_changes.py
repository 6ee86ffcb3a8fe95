"""What breaks clients of an OpenAPI document is found, and nothing else is called so; the changelog lists all."""

from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.deprecations import Deprecation, Deprecations
from dev.api_changes import changelog
from dev.api_changes.changelog import BEGIN, END, describe, describe_changes, replace_changes, write_changes
from dev.api_changes.openapi import compare_openapi
from dev.api_changes.sdl import compare_sdl
from engine.graphql import print_schema
from graph.schema import build_schema
from rest.v1 import routes
from rest.v1.openapi import build_document

Json = dict[str, Any]

TODAY = date(2026, 6, 1)
GONE = object()
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def ref(name: str, kind: str = "schemas") -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def content(name: str) -> Json:
    return {"content": {JSON: {"schema": ref(name)}}}


def query(name: str, **schema: Any) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema}


ENDED = {"deprecated": True, "x-sunset": "2026-06-01"}
OLD: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "v1"},
    "paths": {
        "/orders": {
            "parameters": [{"name": "Shop", "in": "header", "schema": {"type": "string"}}],
            "get": {
                "operationId": "listOrders",
                "parameters": [
                    query("status", **ref("Status")),
                    query("page", type="integer", minimum=1, maximum=100, default=1),
                    query("old", type="string") | ENDED,
                    {"name": "key", "in": "query", "required": True, "schema": ref("Key")},
                ],
                "responses": {
                    "200": content("OrderList") | {"headers": {"Limit": ref("Limit", "headers")}},
                    "404": content("Error") | {"headers": {"Link": ref("Link", "headers")}},
                },
                "security": [{"Bearer": []}, {"Key": ["read", "list"]}],
            },
            "post": {
                "operationId": "createOrder",
                "requestBody": {
                    "required": True,
                    "content": {JSON: {"schema": ref("OrderIn")}, FORM: {"schema": ref("OrderIn")}},
                },
                "responses": {"201": content("Order")},
            },
        },
        "/orders/{id}": {
            "get": {"operationId": "getOrder", "responses": {"200": content("Order")}},
            "delete": {"operationId": "removeOrder", "responses": {"204": {}}} | ENDED,
        },
    },
    "components": {
        "schemas": {
            "Status": {"type": "string", "enum": ["open", "done"]},
            "Error": {"type": "object", "properties": {"code": ref("Code")}, "required": ["code"]},
            "Code": {"type": "string", "enum": ["LOST", "LATE"], "x-open-enum": True},
            "Key": {"type": "string", "minLength": 2, "maxLength": 9, "pattern": "^k"},
            "OrderList": {
                "type": "object",
                "properties": {"orders": {"type": "array", "items": ref("Order"), "maxItems": 20}},
                "required": ["orders"],
            },
            "Order": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer", "minimum": 1, "maximum": 999},
                    "state": {"type": "string", "enum": ["new", "paid"]},
                    "total": {"type": "number"},
                    "time": {"type": "string", "format": "date-time"},
                    "note": {"anyOf": [{"type": "string", "maxLength": 50}, {"type": "null"}]},
                    "kind": {"const": "order"},
                    "parent": {"anyOf": [ref("Order"), {"type": "null"}]},
                    "old": {"type": "string"} | ENDED,
                },
                "required": ["id", "state", "total", "old"],
            },
            "OrderIn": {
                "type": "object",
                "properties": {
                    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 5},
                    "state": {"type": "string", "enum": ["new", "paid"]},
                    "note": {"anyOf": [{"type": "string", "maxLength": 50}, {"type": "null"}]},
                    "price": {"type": "number", "multipleOf": 5},
                    "extra": {"type": "object", "additionalProperties": {"type": "string"}},
                    "old": {"type": "string"} | ENDED,
                },
                "required": ["items"],
            },
        },
        "headers": {
            "Limit": {"schema": {"type": "integer"}},
            "Link": {"schema": {"type": "string"}},
        },
        "securitySchemes": {
            "Bearer": {"type": "http", "scheme": "bearer"},
            "Key": {"type": "apiKey", "in": "header", "name": "K"},
        },
    },
}
LIST, CREATE, ONE = "paths|/orders|get", "paths|/orders|post", "paths|/orders/{id}|get"
PARAMETERS = f"{LIST}|parameters"
BODY = f"{CREATE}|requestBody"
OUT = "components|schemas|Order|properties"
IN = "components|schemas|OrderIn|properties"


def changed(path: str, value: Any) -> Json:
    """Return the document with another value at a path, whose parts ``|`` separates; with none if it is GONE."""
    document = deepcopy(OLD)
    *parents, last = path.split("|")
    held: Any = document
    for part in parents:
        held = held[int(part) if isinstance(held, list) else part]
    if isinstance(held, list):
        held[int(last) : int(last) + 1] = [] if value is GONE else [value]
    elif value is GONE:
        del held[last]
    else:
        held[last] = value
    return document


BREAKS: list[tuple[str, Any, str]] = [
    # operations
    ("paths|/orders/{id}", GONE, "`getOrder` was removed."),
    (ONE, GONE, "`getOrder` was removed."),
    (f"{ONE}|operationId", "fetchOrder", "`getOrder` was renamed to `fetchOrder`."),
    # statuses and media types
    (f"{ONE}|responses|200", GONE, "`getOrder 200` was removed."),
    (f"{ONE}|responses|202", content("Order"), "`getOrder 202` was added."),
    (f"{LIST}|responses|404", GONE, "`listOrders 404` was removed."),
    (f"{ONE}|responses|200|content", {FORM: {}}, f"`getOrder 200 {JSON}` was removed."),
    (f"{BODY}|content|{FORM}", GONE, f"`createOrder body {FORM}` was removed."),
    # headers of answers
    (f"{LIST}|responses|200|headers|Limit", GONE, "`listOrders 200 Limit` was removed."),
    (
        "components|headers|Limit|schema|type",
        "string",
        "`header Limit` changed its type from integer to string.",
    ),
    # who may call
    (f"{ONE}|security", [{"Bearer": []}], "`getOrder` changed who may call it."),
    ("security", [{"Bearer": []}], "`getOrder` changed who may call it."),
    (f"{LIST}|security|1", GONE, "`listOrders` changed who may call it."),
    (f"{LIST}|security|1", {"Key": ["read", "list", "all"]}, "`listOrders` changed who may call it."),
    (f"{LIST}|security|0", {"Bearer": [], "Key": []}, "`listOrders` changed who may call it."),
    (
        "components|securitySchemes|Bearer|scheme",
        "basic",
        "`Bearer` changed `scheme` from bearer to basic.",
    ),
    # parameters
    (f"{PARAMETERS}|0", GONE, "`listOrders(status:)` was removed."),
    ("paths|/orders|parameters", [], "`createOrder(Shop:)` was removed."),
    (f"{PARAMETERS}|1|required", True, "`listOrders(page:)` became required."),
    (
        f"{PARAMETERS}|9",
        {**query("new"), "required": True},
        "`listOrders(new:)` was added, and is required.",
    ),
    (f"{PARAMETERS}|0|name", "state", "`listOrders(status:)` was removed."),
    (f"{PARAMETERS}|0|in", "header", "`listOrders(status:)` was removed."),
    (f"{PARAMETERS}|0|style", "spaceDelimited", "`listOrders(status:)` changed `style` from none to"),
    (f"{PARAMETERS}|1|schema|type", "string", "`listOrders(page:)` changed its type from integer to string."),
    (f"{PARAMETERS}|1|schema|minimum", 2, "`listOrders(page:)` changed `minimum` from 1 to 2."),
    (f"{PARAMETERS}|1|schema|maximum", 99, "`listOrders(page:)` changed `maximum` from 100 to 99."),
    (f"{PARAMETERS}|1|schema|default", 2, "`listOrders(page:)` changed its default from 1 to 2."),
    (f"{PARAMETERS}|1|schema|default", GONE, "`listOrders(page:)` changed its default from 1 to None."),
    ("components|schemas|Status|enum|0", GONE, "`Status.open` was removed."),
    ("components|schemas|Key|minLength", 3, "`Key` changed `minLength` from 2 to 3."),
    ("components|schemas|Key|maxLength", 8, "`Key` changed `maxLength` from 9 to 8."),
    ("components|schemas|Key|pattern", "^kk", "`Key` changed `pattern` from ^k to ^kk."),
    ("components|schemas|Key|format", "uuid", "`Key` changed `format` from none to uuid."),
    ("components|schemas|Key|enum", ["key"], "`Key` is limited to other values."),
    ("components|schemas|Key|const", "key", "`Key` is limited to other values."),
    # bodies
    (BODY, GONE, "`createOrder body` was removed."),
    (
        f"{ONE}|requestBody",
        {"required": True, **content("OrderIn")},
        "`getOrder body` was added, and is required.",
    ),
    ("components|schemas|OrderIn|required", ["items", "note"], "`OrderIn.note` became required."),
    (f"{IN}|note", GONE, "`OrderIn.note` was removed."),
    (f"{IN}|note|anyOf|1", GONE, "`OrderIn.note` changed its type from null or string to string."),
    (f"{IN}|note|anyOf|0|maxLength", 49, "`OrderIn.note` changed `maxLength` from 50 to 49."),
    (f"{IN}|price|type", "integer", "`OrderIn.price` changed its type from number to integer."),
    (f"{IN}|price|multipleOf", 10, "`OrderIn.price` changed `multipleOf` from 5 to 10."),
    (f"{IN}|price|exclusiveMinimum", 0, "`OrderIn.price` changed `exclusiveMinimum` from none to 0."),
    (f"{IN}|price|exclusiveMaximum", 9, "`OrderIn.price` changed `exclusiveMaximum` from none to 9."),
    (f"{IN}|items|minItems", 2, "`OrderIn.items` changed `minItems` from 1 to 2."),
    (f"{IN}|items|maxItems", 4, "`OrderIn.items` changed `maxItems` from 5 to 4."),
    (f"{IN}|items|uniqueItems", True, "`OrderIn.items` changed `uniqueItems` from none to True."),
    (f"{IN}|items|items|type", "boolean", "`OrderIn.items[]` changed its type from integer to boolean."),
    (f"{IN}|items|items|maximum", 9, "`OrderIn.items[]` changed `maximum` from none to 9."),
    (f"{IN}|state|enum", ["new"], "`OrderIn.state.paid` was removed."),
    (f"{IN}|extra|additionalProperties", False, "`OrderIn.extra` takes other fields than before."),
    (f"{IN}|extra|minProperties", 1, "`OrderIn.extra` changed `minProperties` from none to 1."),
    (f"{IN}|extra|maxProperties", 1, "`OrderIn.extra` changed `maxProperties` from none to 1."),
    (f"{IN}|extra|not", {}, "`OrderIn.extra` changed `not` from none to {}."),
    ("components|schemas|OrderIn|additionalProperties", False, "`OrderIn` takes other fields than before."),
    # answers
    (f"{OUT}|total", GONE, "`Order.total` was removed."),
    ("components|schemas|Order|required", ["id", "state", "old"], "`Order.total` became optional."),
    (f"{OUT}|total|type", "string", "`Order.total` changed its type from number to string."),
    (
        f"{OUT}|total|type",
        ["number", "null"],
        "`Order.total` changed its type from number to null or number.",
    ),
    (f"{OUT}|total|type", GONE, "`Order.total` changed its type from number to any type."),
    (f"{OUT}|id|type", "number", "`Order.id` changed its type from integer to number."),
    (f"{OUT}|id|maximum", 1000, "`Order.id` changed `maximum` from 999 to 1000."),
    (f"{OUT}|id|minimum", GONE, "`Order.id` changed `minimum` from 1 to none."),
    (f"{OUT}|state|enum", ["new", "paid", "lost"], "`Order.state.lost` was added."),
    (f"{OUT}|state|enum", GONE, "`Order.state` is limited to other values."),
    (f"{OUT}|kind|const", "offer", "`Order.kind.offer` was added."),
    (f"{OUT}|time|format", "date", "`Order.time` changed `format` from date-time to date."),
    (f"{OUT}|time|format", GONE, "`Order.time` changed `format` from date-time to none."),
    (f"{OUT}|note|anyOf|0|maxLength", 51, "`Order.note` changed `maxLength` from 50 to 51."),
    (
        f"{OUT}|note|anyOf|2",
        {"type": "integer"},
        "`Order.note` changed its type from null or string to integer or null or string.",
    ),
    (f"{OUT}|note|anyOf|2", {"type": "string"}, "`Order.note` changed what it can be as string."),
    ("components|schemas|OrderList|properties|orders|maxItems", 21, "`OrderList.orders` changed `maxItems`"),
    # and what has no rule of its own
    ("servers", [{"url": "/shop"}], "`server` changed `servers` from none to"),
    (f"{ONE}|servers", [{"url": "/shop"}], "`getOrder` changed `servers` from none to"),
    ("paths|/orders/{id}|servers", [{"url": "/shop"}], "`getOrder` changed `servers` from none to"),
]
HARMLESS: list[tuple[str, Any, str]] = [
    # announced, and the day has come
    ("paths|/orders/{id}|delete", GONE, "`removeOrder` was removed."),
    (f"{PARAMETERS}|2", GONE, "`listOrders(old:)` was removed."),
    (f"{IN}|old", GONE, "`OrderIn.old` was removed."),
    (f"{OUT}|old", GONE, "`Order.old` was removed."),
    # more than before
    ("paths|/new", {"get": {"operationId": "new", "responses": {}}}, "`new` was added."),
    (f"{PARAMETERS}|9", query("new"), "`listOrders(new:)` was added."),
    (f"{ONE}|requestBody", content("OrderIn"), "`getOrder body` was added."),
    (f"{BODY}|content|text/csv", {}, "`createOrder body text/csv` was added."),
    (f"{ONE}|responses|200|content|text/csv", {}, "`getOrder 200 text/csv` was added."),
    (f"{ONE}|responses|410", content("Error"), "`getOrder 410` was added."),
    (f"{ONE}|responses|200|headers", {"Limit": ref("Limit", "headers")}, "`header Limit` was added."),
    (f"{LIST}|responses|404|headers|Link", GONE, "`listOrders 404 Link` was removed."),
    (f"{OUT}|new", {"type": "string"}, "`Order.new` was added."),
    ("components|schemas|Code|enum|2", "LAST", "`Code.LAST` was added."),
    (f"{IN}|new", {"type": "string"}, "`OrderIn.new` was added."),
    ("components|schemas|Status|enum|2", "lost", "`Status.lost` was added."),
    # what is taken is wider
    (f"{PARAMETERS}|3|required", False, "`listOrders(key:)` became optional."),
    (f"{BODY}|required", False, "`createOrder body` became optional."),
    ("components|schemas|OrderIn|required", [], "`OrderIn.items` became optional."),
    (f"{PARAMETERS}|1|schema|maximum", 101, "`listOrders(page:)` changed `maximum` from 100 to 101."),
    (f"{PARAMETERS}|1|schema|minimum", 0, "`listOrders(page:)` changed `minimum` from 1 to 0."),
    (f"{PARAMETERS}|1|schema|type", "number", "`listOrders(page:)` changed its type from integer to number."),
    ("components|schemas|Key|pattern", GONE, "`Key` changed `pattern` from ^k to none."),
    ("components|schemas|Key|maxLength", GONE, "`Key` changed `maxLength` from 9 to none."),
    (f"{IN}|state|enum", GONE, "`OrderIn.state` is limited to other values."),
    (f"{IN}|extra|additionalProperties", True, "`OrderIn.extra` takes other fields than before."),
    # what is given is narrower
    (
        "components|schemas|Order|required",
        ["id", "state", "total", "old", "note"],
        "`Order.note` became required.",
    ),
    (f"{OUT}|total|type", "integer", "`Order.total` changed its type from number to integer."),
    (f"{OUT}|total|minimum", 0, "`Order.total` changed `minimum` from none to 0."),
    (f"{OUT}|state|enum", ["new"], "`Order.state.paid` was removed."),
    (f"{OUT}|state|pattern", "^n", "`Order.state` changed `pattern` from none to ^n."),
    (f"{OUT}|note|anyOf|1", GONE, "`Order.note` changed its type from null or string to string."),
    ("components|schemas|Order|additionalProperties", False, "`Order` takes other fields than before."),
    # who may call
    (f"{LIST}|security", [], ""),
    (f"{LIST}|security|2", {"Other": []}, ""),
    (f"{LIST}|security|1", {"Key": ["read"]}, ""),
    # words
    (f"{ONE}|description", "Another one.", ""),
    (f"{ONE}|deprecated", True, ""),
    (f"{ONE}|tags", ["Orders"], ""),
    (f"{OUT}|total|description", "Another one.", ""),
    (f"{OUT}|total|examples", [5], ""),
    (f"{OUT}|total|x-note", 5, ""),
    (f"{OUT}|total|default", 5, ""),
    (f"{PARAMETERS}|0|schema|default", "open", ""),
    (f"{IN}|items|minProperties", 0, ""),
    ("info|description", "Another one.", ""),
    ("components|schemas|Unused", {"type": "string"}, ""),
    ("components|securitySchemes|Bearer|description", "Another one.", ""),
]


@pytest.mark.parametrize(("path", "value", "sentence"), BREAKS)
def test_what_breaks_clients_is_found(path: str, value: Any, sentence: str) -> None:
    broken = [str(change) for change in compare_openapi(OLD, changed(path, value), TODAY) if change.breaks]
    assert any(found.startswith(sentence) for found in broken), broken


@pytest.mark.parametrize(("path", "value", "sentence"), HARMLESS)
def test_what_breaks_nobody_is_told_and_let_pass(path: str, value: Any, sentence: str) -> None:
    changes = compare_openapi(OLD, changed(path, value), TODAY)
    assert [str(change) for change in changes if change.breaks] == []
    assert {str(change) for change in changes} == ({sentence} if sentence else set())


def test_every_case_is_one_of_its_own() -> None:
    keys = [(path, repr(value)) for path, value, _ in (*BREAKS, *HARMLESS)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("path", ["paths|/orders/{id}|delete", f"{PARAMETERS}|2", f"{IN}|old", f"{OUT}|old"])
@pytest.mark.parametrize("told", [{}, {"deprecated": True}, {"deprecated": True, "x-sunset": "2026-06-02"}])
def test_nothing_is_removed_that_was_not_announced_or_before_the_day(path: str, told: Json) -> None:
    old = deepcopy(OLD)
    held: Any = old
    for part in path.split("|"):
        held = held[int(part) if isinstance(held, list) else part]
    for name in ENDED:
        del held[name]
    held |= told
    (change,) = compare_openapi(old, changed(path, GONE), TODAY)
    assert change.what == "was removed"
    assert change.breaks


def test_a_document_does_not_differ_from_itself() -> None:
    document = build_document(routes.routes)
    assert compare_openapi(OLD, OLD) == compare_openapi(document, deepcopy(document)) == []
    everything = compare_openapi(document, document | {"paths": {}})
    assert [change.what for change in everything if change.breaks] == ["was removed"] * len(routes.routes)


def test_the_changelog_lists_what_is_new_gone_going_and_different() -> None:
    ending = Deprecation(since=TODAY, until=date(2027, 1, 1), why="Wrong.", instead="`total`")
    listed = describe(
        compare_openapi(OLD, changed("paths|/orders/{id}|delete", GONE), TODAY)
        + compare_openapi(OLD, changed(f"{OUT}|new", {"type": "string"}), TODAY)
        + compare_openapi(OLD, changed(f"{PARAMETERS}|1|schema|maximum", 200), TODAY),
        {"Order.note": ending},
    )
    assert listed == (
        "- Added: `Order.new`.\n"
        "- Removed: `removeOrder`.\n"
        "- Deprecated: `Order.note`. Wrong. "
        "Use `total` instead. Since 2026-06-01; to be removed on 2027-01-01 or later.\n"
        "- Changed: `listOrders(page:)` changed `maximum` from 100 to 200.\n"
    )
    assert describe([], {}) == "- Nothing.\n"


def test_changes_of_the_schema_are_listed_but_for_descriptions_and_defaults_of_null() -> None:
    old = 'type Query { "One." a(b: Int = null, c: Int = 1): Int gone: Int }'
    new = 'type Query { "Another." a(b: Int, c: Int = 2, d: Int): Int new: Int } type New { id: Int }'
    assert describe(compare_sdl(old, new), {}) == (
        "- Added: `New`, `Query.new`, `Query.a(d:)`.\n"
        "- Removed: `Query.gone`.\n"
        "- Changed: Query.a(c:) has changed defaultValue from 1 to 2.\n"
    )


def test_deprecations_are_listed_until_they_are_released(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    places = {"graphql": ("Order.reference",), "rest": ("listOrders(reference:)",)}
    entry = Deprecation(since=TODAY, why="Nobody knows it.", **places)  # type: ignore[arg-type]
    registry = Deprecations(entry)
    monkeypatch.setattr(changelog, "DEPRECATIONS", registry)
    lines = [f"- Deprecated: `{place}`. {entry.reason}\n" for (place,) in places.values()]
    changes = describe_changes()
    assert [line in changes for line in lines] == [True, True]
    monkeypatch.setattr(changelog, "RELEASED_SDL", tmp_path / "released.graphql")
    monkeypatch.setattr(changelog, "RELEASED_OPENAPI", tmp_path / "released.json")
    changelog.RELEASED_SDL.write_text(print_schema(build_schema(registry)))
    changelog.RELEASED_OPENAPI.write_bytes(orjson.dumps(build_document(routes.routes, registry)))
    assert "Deprecated" not in describe_changes()


def test_the_part_of_the_changelog_is_replaced_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = f"# Changelog\n{BEGIN}\nOld.\n{END}\nMore.\n"
    assert replace_changes(text, "New.\n") == f"# Changelog\n{BEGIN}\nNew.\n\n{END}\nMore.\n"
    for wrong in ("# Changelog\n", text.replace(END, ""), text + text):
        with pytest.raises(ValueError, match="needs a line"):
            replace_changes(wrong, "New.\n")
    monkeypatch.setattr(changelog, "CHANGELOG", tmp_path / "CHANGELOG.md")
    monkeypatch.setattr(changelog, "describe_changes", lambda: "Newer.\n")
    changelog.CHANGELOG.write_text(text)
    write_changes()
    assert changelog.CHANGELOG.read_text() == replace_changes(text, "Newer.\n")
