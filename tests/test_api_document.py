"""Holds ``docs/api-v1.md`` to its word: every example in it runs, and nothing of the API is missing from it."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import asyncpg
import bcrypt
import httpx
import orjson
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from core.errors import ErrorCode, code_descriptions, error_classes
from core.settings import Settings
from models import Order, OrderItem, OrderStatus, Product, User
from rest.v1 import routes
from rest.v1.openapi_responses import ALWAYS
from rest.v1.twins import V1Request
from tests.client import Client
from tests.conftest import empty_tables
from tests.factories import make_admin, make_order, make_product, make_tokens, make_user
from tests.rest.api_document import (
    BASE_URL,
    DOCUMENT,
    SECTIONS,
    Command,
    Section,
    expect,
    fences,
    parse_example,
    read_curl,
)
from tests.rest.twin_answers import ask_graphql, normal, shown_headers

pytestmark = pytest.mark.anyio

PASSWORD_HASH = bcrypt.hashpw(b"securepassword123", bcrypt.gensalt(4)).decode()
EXAMPLES = [
    pytest.param(section, example, id=f"{section.title}-{number}".replace(" ", "-"))
    for section in SECTIONS
    for number, example in enumerate(section.examples, 1)
]
each_section = pytest.mark.parametrize(
    "section", SECTIONS, ids=lambda section: section.title.replace(" ", "-")
)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
async def shop(client: Client, superuser: asyncpg.Connection) -> Client:
    """A client of a shop that holds the rows which the examples talk of."""
    await _make_shop(superuser)
    return client


async def _make_shop(superuser: asyncpg.Connection) -> None:
    address = "123 Main St, City, Country"
    await make_admin(id=1, email="admin@example.com", full_name="Admin")
    user = await make_user(
        id=123, email="user@example.com", full_name="John Doe", password_hash=PASSWORD_HASH
    )
    description = "A product that is worth its price."
    product_a = await make_product(id=456, name="Product A", price=4999, description=description)
    product_b = await make_product(id=789, name="Product B", price=5001)
    order = await make_order(
        user, id=1001, status=OrderStatus.COMPLETED, total=14999, shipping_address=address
    )
    for id, product, quantity in ((5001, product_a, 2), (5002, product_b, 1)):
        await OrderItem.create(
            id=id,
            order_id=order.id,
            product_id=product.id,
            product_name=product.name,
            quantity=quantity,
            accepted_price=product.price,
            unit_price=product.price,
        )
    await make_order(user, (product_a, 1), id=1002, shipping_address=address)
    await User.all().update(
        created_at=_time("2025-01-10T08:00:00Z"), updated_at=_time("2025-01-12T14:20:00Z")
    )
    await Product.all().update(
        created_at=_time("2025-01-05T09:00:00Z"), updated_at=_time("2025-01-12T14:20:00Z")
    )
    await Order.all().update(
        created_at=_time("2025-01-15T10:40:00Z"), updated_at=_time("2025-01-15T10:42:00Z")
    )
    for table, last in (("users", 123), ("orders", 1002)):
        await superuser.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})")


async def _tokens(client: Client, section: Section) -> dict[str, str]:
    user = await User.get(is_admin="admin only" in section.authentication)
    access_token, refresh_token = await make_tokens(client.resources, user)
    return {"access_token": access_token, "refresh_token": refresh_token}


def _fill(command: Command, tokens: dict[str, str]) -> Command:
    def fill(text: str) -> str:
        return re.sub(r"\{(access_token|refresh_token)\}", lambda found: tokens[found[1]], text)

    headers = {name: fill(value) for name, value in command.headers.items()}
    content = None if command.content is None else fill(command.content)
    return replace(command, headers=headers, content=content)


async def _run(client: Client, command: Command, tokens: dict[str, str]) -> httpx.Response:
    assert command.url.startswith(BASE_URL), "examples use the base URL"
    path = command.url.removeprefix(BASE_URL)
    filled = _fill(command, tokens)
    return await client.v1(command.method, path, headers=filled.headers, content=filled.content)


def _request(section: Section, command: Command) -> V1Request:
    """Return what a command sends, as the twins take it."""
    address = urlsplit(command.url)
    path = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", section.operation[0]), address.path)
    assert path
    content = command.content or "null"
    is_form = command.headers.get("Content-Type") == "application/x-www-form-urlencoded"
    body = dict(parse_qsl(content)) if is_form else orjson.loads(content)
    return V1Request(path.groupdict(), dict(parse_qsl(address.query)), command.headers, body)


@pytest.mark.parametrize(("section", "example"), EXAMPLES)
async def test_each_example_answers_as_the_document_says(
    shop: Client, section: Section, example: str
) -> None:
    command = read_curl(example)
    tokens = await _tokens(shop, section)
    answer = await _run(shop, command, tokens)
    assert answer.status_code == section.status, answer.text
    if section.response is None:
        assert not answer.content
        return
    shown = parse_example(section.response)
    if section.title == "Create Order" and "Idempotency-Key" not in command.headers:
        assert "..." in shown["items"], "the first example orders one product, the second all that is shown"
        shown["items"] = [item for item in shown["items"] if item != "..."]
    expect(answer.json(), shown)


@pytest.mark.parametrize(("section", "example"), EXAMPLES)
async def test_each_example_has_the_answer_that_its_twin_makes(
    shop: Client, superuser: asyncpg.Connection, section: Section, example: str
) -> None:
    command = read_curl(example)
    answer = await _run(shop, command, await _tokens(shop, section))
    await empty_tables(superuser)
    await _make_shop(superuser)
    tokens = await _tokens(shop, section)
    path, method = section.operation
    operation_id = shop.app.openapi()["paths"][path][method]["operationId"]
    request = _request(section, _fill(command, tokens))
    twin, _ = await ask_graphql(shop, operation_id, request, tokens["access_token"])
    assert (twin.status, twin.headers) == (answer.status_code, shown_headers(answer))
    assert normal(twin.content, shop.resources) == normal(answer.content, shop.resources)


@each_section
async def test_each_example_addresses_its_endpoint(app: FastAPI, section: Section) -> None:
    assert section.examples
    for example in section.examples:
        command = read_curl(example)
        path = urlsplit(command.url).path.removeprefix("/api/v1")
        assert command.method == section.method
        assert re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", section.path), path)
        assert ("Authorization" in command.headers) == (section.authentication != "Not required")
        assert set(parse_qs(urlsplit(command.url).query)) <= section.parameters["query"]
        if command.headers.get("Content-Type") == "application/json":
            assert set(orjson.loads(command.content or "")) <= set(parse_example(section.request or ""))


@each_section
async def test_each_example_fits_its_schema(app: FastAPI, section: Section) -> None:
    document = app.openapi()
    path, method = section.operation
    operation = document["paths"][path][method]
    if section.request:
        content = operation["requestBody"]["content"]["application/json"]
        _check_schema(document, content["schema"], parse_example(section.request))
    if section.response:
        schema = operation["responses"][str(section.status)]["content"]["application/json"]["schema"]
        example = orjson.loads(re.sub(r",\s*\.\.\.", "", section.response))
        _check_schema(document, schema, example)
        properties = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
        assert list(properties) == list(example)


def _check_schema(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": document["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(whole, format_checker=checker).validate(value)


async def test_document_openapi_and_routes_name_the_same_endpoints(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    described = {section.operation for section in SECTIONS}
    assert len(described) == len(SECTIONS)
    assert described == {(path, method) for path, operations in paths.items() for method in operations}


async def test_no_route_hides_from_openapi(app: FastAPI) -> None:
    found = {
        (context.path, method.lower())
        for context in iter_route_contexts([*app.routes, *routes.routes])
        if (context.path or "").startswith("/api/")
        for method in context.methods or ()
    }
    assert found == {section.operation for section in SECTIONS}


@each_section
async def test_parameters_are_those_of_openapi(app: FastAPI, section: Section) -> None:
    path, method = section.operation
    parameters = app.openapi()["paths"][path][method].get("parameters", [])
    for place, names in section.parameters.items():
        assert names == {parameter["name"] for parameter in parameters if parameter["in"] == place}


@each_section
async def test_authentication_is_that_of_openapi(app: FastAPI, section: Section) -> None:
    path, method = section.operation
    secured = "security" in app.openapi()["paths"][path][method]
    assert secured == section.authentication.startswith("Required")


@each_section
async def test_errors_are_those_of_openapi(app: FastAPI, section: Section) -> None:
    path, method = section.operation
    always = {(error.status, error.code.value) for error in ALWAYS}
    in_openapi = {
        (int(status), example["value"]["error_code"])
        for status, response in app.openapi()["paths"][path][method]["responses"].items()
        if int(status) >= 400
        for example in response["content"]["application/json"]["examples"].values()
    }
    assert in_openapi == section.errors | always


def test_the_list_of_error_codes_says_what_the_errors_say() -> None:
    listed = {
        code: (
            {int(status) for status in statuses.split(", ")},
            meaning.removesuffix(" (GraphQL only)") + ".",
        )
        for code, statuses, meaning in re.findall(
            r"^\| `([A-Z_]+)` \| ([\d, ]+) \| (.+) \|$", DOCUMENT, re.MULTILINE
        )
    }
    statuses: dict[str, set[int]] = {code.value: set() for code in ErrorCode}
    for kind in error_classes():
        statuses[kind.code.value].add(kind.status)
    assert listed == {code: (statuses[code], meaning) for code, meaning in code_descriptions().items()}


def test_limits_and_lifetimes_are_those_of_the_settings() -> None:
    fields = Settings.model_fields
    assert f"Authenticated users: {fields['rate_limit_user'].default} requests per minute" in DOCUMENT
    assert f"Unauthenticated: {fields['rate_limit_anonymous'].default} requests per minute" in DOCUMENT
    assert f"Access token: {fields['access_token_seconds'].default // 60} minutes" in DOCUMENT
    assert f"Refresh token: {fields['refresh_token_seconds'].default // 86400} days" in DOCUMENT


def test_the_table_of_contents_names_every_section() -> None:
    linked = re.findall(r"^ *- \[([^\]]+)\]\(#", DOCUMENT, re.MULTILINE)
    headings = re.findall(r"^#{2,3} ([^\n\[]+)$", DOCUMENT, re.MULTILINE)
    nested = {"Success Response", "Error Response", "When to Update", "Process", "Template for New Endpoints"}
    assert linked == [heading for heading in headings if heading not in {*nested, "Table of Contents"}]


def test_every_json_sample_can_be_read() -> None:
    samples = fences(DOCUMENT.partition("## Endpoints")[0], "json")
    assert samples
    for sample in samples:
        assert parse_example(sample)
