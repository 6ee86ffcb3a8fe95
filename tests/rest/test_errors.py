"""What every error of v1 has in common, whoever raises it."""

import pytest

from core.errors import AppError, InternalError, InvalidQuantity, RateLimited, TokenExpired, TokenInvalid
from graph.resolvers import products
from rest.v1.errors import render_error
from rest.v1.json_response import to_json
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_user
from tests.rest.conformance import Call

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "path", ["/api/v1/nope", "/api/v1", "/api", "/nope", "/api/v1/orders/1/2", "/api/v2/users"]
)
async def test_an_unknown_address_is_not_found(client: Client, path: str) -> None:
    answer = await client.rest.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not found", "error_code": "NOT_FOUND"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/users", "GET, HEAD, POST"),
        ("POST", "/users/1", "DELETE, GET, HEAD, PATCH"),
        ("HEAD", "/auth/login", "POST"),
        ("GET", "/orders/1/cancel", "POST"),
        ("DELETE", "/products", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_there_names_those_that_are(
    client: Client, method: str, path: str, allowed: str
) -> None:
    answer = await client.v1(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    if method != "HEAD":
        assert answer.json() == {"detail": "Method not allowed", "error_code": "METHOD_NOT_ALLOWED"}


async def test_a_trailing_slash_leads_to_the_address_without_it(client: Client) -> None:
    # By its path alone: this process does not know under which scheme and host a proxy is reached.
    for method, path, location in (
        ("GET", "/api/v1/products/?page=2&search=a%20b", "/api/v1/products?page=2&search=a%20b"),
        ("POST", "/api/v1/auth/login/", "/api/v1/auth/login"),
        ("POST", "/graphql/", "/graphql"),
    ):
        answer = await client.rest.request(method, path)
        assert (answer.status_code, answer.headers["location"]) == (307, location)


@pytest.mark.parametrize("path", ["/nothing/", "//tandem.test/", "/api/v1/nothing/"])
async def test_nothing_leads_nowhere(client: Client, path: str) -> None:
    answer = await client.rest.get(f"http://tandem.test{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"items": ' + b"9" * 5_000 + b"}",
        b'{"items": [NaN], "shipping_address": "x"}',
        b'{"items": [{"product_id": 1, "quantity": 1}], "shipping_address": "\\ud800"}',
        b"null",
        b'"' + b"x" * 900_000 + b'"',
    ],
    ids=lambda content: repr(content[:16]),
)
async def test_no_body_breaks_it(v1: Call, content: bytes) -> None:
    answer = await v1("POST", "/orders", user=await make_user(), content=content, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["error_code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_a_body_must_say_that_it_is_json(v1: Call, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await v1("POST", "/orders", user=await make_user(), content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.json() == {
        "detail": "Request body must be sent as application/json",
        "error_code": "UNSUPPORTED_MEDIA_TYPE",
    }
    assert answer.headers["Accept"] == "application/json"


async def test_a_body_must_be_an_object(v1: Call) -> None:
    for content in (b"null", b"[]", b"1", b'""'):
        answer = await v1("POST", "/orders", user=await make_user(), content=content, headers=JSON)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"field": "body", "message": "Request body must be a JSON object sent as application/json"}
        ]


async def test_a_large_body_is_refused_unread(client_with: ClientWith) -> None:
    client = await client_with(max_body_bytes=1_000)
    answer = await client.v1("POST", "/auth/login", content=b"x" * 1_001, headers=JSON)
    assert answer.status_code == 413
    assert answer.json() == {"detail": "Request body is too large", "error_code": "VALIDATION_ERROR"}


async def test_a_defect_is_masked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret plan")

    monkeypatch.setattr(products, "list_products", fail)
    answer = await client.v1("GET", "/products")
    assert answer.status_code == 500
    assert answer.json() == {"detail": "Internal server error", "error_code": "INTERNAL_ERROR"}
    assert answer.headers["x-request-id"]


async def test_a_defect_counts_like_any_request(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(products, "list_products", fail)
    client = await client_with(rate_limit_anonymous=20)
    answer = await client.v1("GET", "/products")
    assert answer.status_code == 500
    assert answer.headers["x-ratelimit-remaining"] == "19"


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (RateLimited(retry_after=7), {"retry-after": "7"}),
        (TokenInvalid(), {"www-authenticate": 'Bearer error="invalid_token"'}),
        (TokenExpired(), {"www-authenticate": 'Bearer error="invalid_token"'}),
        (InvalidQuantity(field=("items", "0", "quantity")), {}),
        (InternalError(), {}),
    ],
)
def test_an_error_is_rendered_with_its_headers(error: AppError, headers: dict[str, str]) -> None:
    answer = render_error(error)
    assert answer.status_code == error.status
    assert bytes(answer.body) == to_json({"detail": error.message, "error_code": error.code.value})
    rest = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
    assert rest == headers


def test_nothing_unknown_is_written_as_money() -> None:
    with pytest.raises(TypeError):
        to_json({"price": object()})
