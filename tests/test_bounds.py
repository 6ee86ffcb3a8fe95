"""Every bound of a text is what the papers say it is: OpenAPI for REST, the descriptions of inputs for GraphQL."""

import re
from typing import Any, NamedTuple

import pytest
from graphql import GraphQLInputObjectType
from graphql import build_schema as parse_schema

from graph.resolvers.validation import TRIMMED
from graph.schema import print_sdl
from models import User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_admin, make_product, make_token, make_user
from tests.graph.documents import global_id
from tests.graph.documents import mutation as document

pytestmark = pytest.mark.anyio

#: A character of one byte, one of two, and one of four.
CHARACTERS = ("x", "\u00e9", "\N{PILE OF POO}")
_BOUNDS = re.compile(r"(?:(?P<least>[\d,]+) to|at most) (?P<most>[\d,]+) (?P<unit>characters|bytes)")
#: Texts without a bound of their own: tokens and passwords that are compared, words that are searched for, and ids.
UNBOUNDED = {"keys", "token", "refreshToken", "currentPassword", "password", "search", "email", "id"}


class Bound(NamedTuple):
    """What an input's description says."""

    least: int
    most: int
    in_bytes: bool

    trimmed: bool

    def takes(self, text: str) -> bool:
        """Tell whether *text* is within."""
        text = text.strip() if self.trimmed else text
        size = len(text.encode()) if self.in_bytes else len(text)
        return self.least <= size <= self.most


def bounds() -> dict[tuple[str, str], Bound]:
    """Return the bounds of all inputs of mutations, by the names of the mutation and of the input."""
    found = {}
    for kind in parse_schema(print_sdl()).type_map.values():
        if not isinstance(kind, GraphQLInputObjectType) or not kind.name.endswith("Input"):
            continue
        for name, field in kind.fields.items():
            if "String" not in str(field.type):
                continue
            told = _BOUNDS.search(field.description or "")
            assert told or name in UNBOUNDED, f"{kind.name}.{name} does not say how long it may be"
            if told:
                least, most = [int((told[part] or "0").replace(",", "")) for part in ("least", "most")]
                mutation = kind.name[0].lower() + kind.name[1:].removesuffix("Input")
                found[mutation, name] = Bound(
                    least, most, told["unit"] == "bytes", TRIMMED in (field.description or "")
                )
    return found


BOUNDS = bounds()


def texts(bound: Bound) -> list[str]:
    """Return texts on either side of the bounds, counted in characters and in bytes, with and without white space."""
    sizes = {bound.least - 1, bound.least, bound.most, bound.most + 1} - {-1, 0}
    found = [character * size for character in CHARACTERS for size in sizes]
    found += [character * (size // len(character.encode())) for character in CHARACTERS for size in sizes]
    if not bound.in_bytes:  # passwords are not trimmed, and may be white space
        found += [
            f" {'x' * (bound.most - 1)}",
            f"{'x' * bound.most} ",
            f"{' ' * bound.most}x",
            f" {'x' * bound.most}x",
        ]
    return [text for text in dict.fromkeys(found) if text]


def emails() -> list[str]:
    """Return addresses on either side of the bound, and with white space around."""
    local = "a" * 64
    longest = f"{local}@{'b' * 63}.{'c' * 63}.{'d' * 57}.com"
    assert len(longest) == 254
    return ["a@b.example.com", longest, f"{longest}m", f"  e{longest[1:]}"]


async def given(client: Client, mutation: str, field: str, text: str) -> dict[str, Any]:
    """Return values of a mutation that are good but for *text* at *field*."""
    match mutation:
        case "createOrder":
            items = [{"productId": global_id(await make_product()), "quantity": 1}]
            values: dict[str, Any] = {"items": items, "shippingAddress": "1 Test Street"}
        case "createProduct":
            values = {"name": "Kettle", "price": "1.00"}
        case "updateProduct":
            values = {"id": global_id(await make_product())}
        case "adjustStock":
            values = {"id": global_id(await make_product()), "delta": 1}
        case "createUser":
            values = {"email": "new@example.com", "fullName": "New", "password": "long enough"}
        case "updateUser":
            values = {"id": global_id(await make_user())}
        case "changePassword":
            values = {"currentPassword": PASSWORD}
        case "requestEmailChange":
            values = {"password": PASSWORD}
        case "resetPassword":
            values = {"token": "none"}
        case _:
            raise AssertionError(f"{mutation} is new: say what it needs")
    return values | {field: text}


@pytest.mark.parametrize(
    ("mutation", "field"), BOUNDS, ids=[f"{mutation}.{field}" for mutation, field in BOUNDS]
)
async def test_graphql_takes_what_its_descriptions_say(
    client_with: ClientWith, mutation: str, field: str
) -> None:
    client = await client_with(password_hash_rounds=4, rate_limit_user=10_000)
    bound = BOUNDS[mutation, field]
    for text in emails() if "mail" in field else texts(bound):
        admin = await make_admin()
        values = await given(client, mutation, field, text)
        if mutation == "updateUser":
            values["id"] = global_id(admin)
        answer = await client.graphql(document(mutation), {"input": values}, user=admin)
        outcome = answer.data[mutation]
        refused = [error["field"][-1] for error in outcome["errors"] if error["code"] == "VALIDATION_ERROR"]
        assert refused == ([] if bound.takes(text) else [field]), (len(text), len(text.encode()), text[:9])
        if mutation == "createUser":
            await User.filter(is_admin=False).delete()


def schema_takes(schema: dict[str, Any], text: str) -> bool:
    """Tell whether a text is as OpenAPI describes it."""
    choice: dict[str, Any] = next(
        (one for one in schema.get("anyOf", []) if one.get("type") == "string"), schema
    )
    if not choice.get("minLength", 0) <= len(text) <= choice.get("maxLength", len(text)):
        return False
    return re.search(choice.get("pattern", ""), text) is not None


def rest_fields(document: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return method, path, name and schema of every text of a body that is stored, and has a bound."""
    found = []
    for path, operations in document["paths"].items():
        if path.startswith("/api/v1/auth/"):
            continue  # what proves who somebody is: what is too long for that is wrong, and no other answer tells more
        for method, operation in operations.items():
            body = (
                operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            )
            if body is None:
                continue
            if "$ref" in body:
                body = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
            for name, schema in body["properties"].items():
                if "maxLength" in str(schema):
                    found.append((method.upper(), path, name, schema))
    return found


async def test_rest_takes_what_openapi_says(client_with: ClientWith) -> None:
    client = await client_with(password_hash_rounds=4, rate_limit_user=10_000)
    product = await make_product()
    bodies: dict[str, dict[str, Any]] = {
        "POST /api/v1/users": {"email": "new@example.com", "full_name": "New", "password": "long enough"},
        "POST /api/v1/orders": {
            "items": [{"product_id": product.id, "quantity": 1}],
            "shipping_address": "1 Test Street",
        },
    }
    fields = rest_fields(client.app.openapi())
    assert len(fields) == 7
    for method, path, name, schema in fields:
        most = re.search(r"'maxLength': (\d+)", str(schema))
        assert most
        bound = Bound(
            8 if name == "password" else 1, int(most[1]), name == "password", TRIMMED in str(schema)
        )
        for text in emails() if name == "email" else texts(bound):
            admin = await make_admin()
            body = bodies.get(f"{method} {path}", {})
            address = path.removeprefix("/api/v1").format(user_id=admin.id)
            answer = await client.v1(method, address, user=admin, json=body | {name: text})
            taken = answer.status_code in (200, 201)
            assert taken or answer.status_code == 422, answer.text
            # A bound in bytes can only be told by the description: the schema lets pass whatever can be within.
            measured = text.strip() if bound.trimmed else text
            expected = schema_takes(schema, measured) and (not bound.in_bytes or bound.takes(text))
            assert taken == expected, (path, name, len(text), len(text.encode()), text[:9])
            await User.filter(is_admin=False).delete()


async def test_an_idempotency_key_is_as_long_as_openapi_says(client: Client) -> None:
    user, product = await make_user(), await make_product()
    token = await make_token(client.resources, user)
    parameters = client.app.openapi()["paths"]["/api/v1/orders"]["post"]["parameters"]
    (schema,) = [one["schema"] for one in parameters if one["name"] == "Idempotency-Key"]
    body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": "1 Test Street"}
    for size in (0, 1, 255, 256):
        headers = {"Idempotency-Key": "k" * size}
        answer = await client.v1("POST", "/orders", token=token, json=body, headers=headers)
        assert (answer.status_code == 201) == schema_takes(schema, "k" * size), size
