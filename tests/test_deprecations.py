"""The registry of deprecations, by an example: each thing stands in it once, both APIs tell it wherever they can."""

from datetime import date
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from graphql import GraphQLSchema
from graphql import build_schema as parse_schema
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

import app as composition
import graph.operation
from core.deprecations import DEPRECATIONS, Deprecation, Deprecations, announced_end
from engine.graphql import print_schema
from graph.schema import build_schema, print_sdl
from rest.v1 import build_routes, routes
from rest.v1.openapi import build_document, install_openapi
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_product
from tests.graph.test_sdl import deprecated_places

pytestmark = pytest.mark.anyio

ENDING = Deprecation(
    since=date(2023, 7, 1),
    until=date(2024, 6, 30),
    why="It counts everything.",
    instead="`getProduct`",
    rest=("listProducts", "listOrders(page:)", "createOrder(Idempotency-Key:)", "OrderOut.shipping_address"),
    graphql=("Query.products", "Query.orders(last:)", "OrderFilter.reference", "OrderStatus.FAILED"),
)
STAYING = Deprecation(
    since=date(2026, 1, 1), why="Nobody needs it.", rest=("getProduct", "OrderIn.reference")
)
EXAMPLE = Deprecations(ENDING, STAYING)
REASON = (
    "It counts everything. Use `getProduct` instead. Since 2023-07-01; to be removed on 2024-06-30 or later."
)
#: The two dates are the examples of RFC 9745, section 2.1, and of RFC 8594, section 3, at midnight.
TOLD = {
    "deprecation": "@1688169600",
    "sunset": "Sun, 30 Jun 2024 00:00:00 GMT",
    "link": ", ".join(
        f'</docs#/Products/listProducts>; rel="{relation}"'
        for relation in ("successor-version", "deprecation", "sunset")
    ),
}
STAYS = {
    "deprecation": "@1767225600",
    "link": '</docs#/Products/getProduct>; rel="successor-version", </docs#/Products/getProduct>; rel="deprecation"',
}


@pytest.fixture
async def warning(client_with: ClientWith, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of an application with the example's deprecations."""
    monkeypatch.setattr(composition, "rest_routes", build_routes(EXAMPLE))
    monkeypatch.setattr(composition, "install_openapi", partial(install_openapi, deprecations=EXAMPLE))
    monkeypatch.setattr(graph.operation, "build_schema", lambda: build_schema(EXAMPLE))
    return await client_with()


def told(headers: Any) -> dict[str, str]:
    return {name: headers[name] for name in ("deprecation", "sunset", "link") if name in headers}


async def test_answers_of_a_deprecated_operation_say_since_when_and_until_when(warning: Client) -> None:
    product = await make_product()
    assert told((await warning.v1("GET", "/products")).headers) == TOLD
    assert told((await warning.v1("HEAD", "/products")).headers) == TOLD
    assert told((await warning.v1("GET", f"/products/{product.id}")).headers) == STAYS


async def test_so_do_its_errors_whoever_answers_them(
    warning: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    invalid = await warning.v1("GET", "/products?page=0")
    missing = await warning.v1("GET", "/products/4711")
    assert (invalid.status_code, told(invalid.headers)) == (422, TOLD)
    assert (missing.status_code, told(missing.headers)) == (404, STAYS)

    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("rest.v1.products.product_out", fail)
    defect = await warning.v1("GET", f"/products/{(await make_product()).id}")
    assert (defect.status_code, told(defect.headers)) == (500, STAYS)


async def test_all_other_answers_say_nothing_of_it(warning: Client, client: Client) -> None:
    for answer in (await warning.v1("POST", "/products"), await warning.rest.get("/")):
        assert told(answer.headers) == {}
    for page, answer in (
        ("Orders/listOrders", await warning.v1("GET", "/orders")),
        ("Products/listProducts", await client.v1("GET", "/products")),
    ):
        assert told(answer.headers) == {"link": f'</docs#/{page}>; rel="successor-version"'}


async def test_pages_of_other_origins_can_read_the_headers(warning: Client) -> None:
    answer = await warning.v1("GET", "/products", headers={"Origin": "http://localhost:5173"})
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert set(TOLD) <= set(exposed)


async def test_openapi_marks_operations_parameters_and_fields_with_the_reason(warning: Client) -> None:
    document = (await warning.rest.get("/openapi.json")).json()
    validate(document, cls=OpenAPIV31SpecValidator)
    marked = dict(marks(document))
    assert set(marked) == {*ENDING.rest, *STAYING.rest}
    for place in ENDING.rest:
        assert marked[place]["description"].endswith(f"**Deprecated.** {REASON}"), place
        assert marked[place]["x-sunset"] == "2024-06-30"
    for place in STAYING.rest:
        assert "**Deprecated.** Nobody needs it. Since 2026-01-01." in marked[place]["description"], place
        assert "x-sunset" not in marked[place]
    assert marked["listProducts"]["description"].startswith("Retrieve a page of the products on sale")


async def test_openapi_documents_the_headers_where_they_are_sent(warning: Client) -> None:
    paths = (await warning.rest.get("/openapi.json")).json()["paths"]
    for path, expected in (
        ("/products", set(TOLD)),
        ("/products/{product_id}", set(STAYS)),
        ("/orders", {"link"}),
    ):
        for response in paths[f"/api/v1{path}"]["get"]["responses"].values():
            assert {name.lower() for name in response["headers"]} & set(TOLD) == expected


def marks(document: Any) -> list[tuple[str, Any]]:
    """Return what *document* marks, as the registry would name it."""
    found = []
    for path in document["paths"].values():
        for operation in path.values():
            name = operation["operationId"]
            found += [(name, operation)]
            found += [(f"{name}({one['name']}:)", one) for one in operation.get("parameters", ())]
    for name, schema in document["components"]["schemas"].items():
        found += [(f"{name}.{field}", one) for field, one in schema.get("properties", {}).items()]
    return [(place, one) for place, one in found if one.get("deprecated")]


async def test_introspection_gives_the_reason_of_whatever_is_deprecated_in_the_schema(
    warning: Client,
) -> None:
    told = await warning.graphql("""{
        query: __type(name: "Query") { fields(includeDeprecated: true) {
            name deprecationReason args(includeDeprecated: true) { name deprecationReason } } }
        filter: __type(name: "OrderFilter") { inputFields(includeDeprecated: true) { name deprecationReason } }
        status: __type(name: "OrderStatus") { enumValues(includeDeprecated: true) { name deprecationReason } }
    }""")
    fields = told.data["query"]["fields"]
    places = {f"Query.{field['name']}": field["deprecationReason"] for field in fields}
    for field in fields:
        places |= {
            f"Query.{field['name']}({one['name']}:)": one["deprecationReason"] for one in field["args"]
        }
    for name, kind, values in (
        ("OrderFilter", "filter", "inputFields"),
        ("OrderStatus", "status", "enumValues"),
    ):
        places |= {f"{name}.{one['name']}": one["deprecationReason"] for one in told.data[kind][values]}
    assert {place: reason for place, reason in places.items() if reason} == dict.fromkeys(
        ENDING.graphql, REASON
    )


def test_so_does_the_sdl() -> None:
    sdl = print_schema(build_schema(EXAMPLE))
    assert places_in(parse_schema(sdl)) == set(ENDING.graphql)
    assert sdl.count(f'@deprecated(reason: "{REASON}")') == len(ENDING.graphql)


def places_in(schema: GraphQLSchema) -> set[str]:
    """Return what is deprecated, as the registry would name it."""
    found = set()
    for place in deprecated_places(schema):
        owner, _, argument = place.rpartition(".")
        found.add(f"{owner}({argument}:)" if "." in owner else place)
    return found


def test_nothing_is_deprecated_but_by_the_registry() -> None:
    assert places_in(parse_schema(print_sdl())) == set(DEPRECATIONS.graphql)
    assert {place for place, _ in marks(build_document(routes.routes))} == set(DEPRECATIONS.rest)


@pytest.mark.parametrize(
    "place",
    [
        "Order",
        "Order.nothing",
        "Nothing.id",
        "Query.order(nothing:)",
        "CreateOrderInput.items",
        "Query.node(id:)",
    ],
)
def test_what_the_schema_does_not_have_or_demands_cannot_be_deprecated(place: str) -> None:
    wrong = Deprecations(Deprecation(since=date(2026, 1, 1), why="A slip.", graphql=(place,)))
    with pytest.raises(ValueError, match="cannot be deprecated"):
        build_schema(wrong)


@pytest.mark.parametrize("place", ["listNothing", "listOrders(nothing:)", "OrderOut", "OrderOut.nothing"])
def test_what_v1_does_not_have_cannot_be_deprecated(place: str) -> None:
    wrong = Deprecations(Deprecation(since=date(2026, 1, 1), why="A slip.", rest=(place,)))
    app = FastAPI()
    install_openapi(app, routes.routes, deprecations=wrong)
    with pytest.raises(ValueError, match="cannot be deprecated"):
        app.openapi()


def test_a_reason_tells_the_end_to_those_who_may_remove_the_thing() -> None:
    assert announced_end(ENDING.reason) == ENDING.until
    assert announced_end(STAYING.reason) is None


def test_a_thing_is_deprecated_once_and_ends_after_it_began() -> None:
    with pytest.raises(ValueError, match="deprecated twice"):
        Deprecations(ENDING, Deprecation(since=date(2026, 1, 1), why="Again.", rest=("listProducts",)))
    with pytest.raises(ValueError, match="only until 2025-12-31"):
        Deprecation(since=date(2026, 1, 1), until=date(2025, 12, 31), why="A slip.")
