"""GraphQL over HTTP: every answer is JSON, every error has a code, nothing internal gets out."""

import logging
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from graph.resolvers import products
from tests.client import Client
from tests.conftest import ClientWith

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
NEW_TYPE = "application/graphql-response+json"


def code(response: httpx.Response) -> str:
    body = response.json()
    assert set(body) == {"errors"}
    found: str = body["errors"][0]["extensions"]["code"]
    return found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"{",
        b"null",
        b"1",
        b'"text"',
        b"[]",
        b'[{"query": "{ products { totalCount } }"}]',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": ""}',
        b'{"query": "{"}',
        b'{"query": "{ nonsense }"}',
        b'{"query": "{ products { totalCount } }", "variables": []}',
        b'{"query": "{ products { totalCount } }", "variables": "x"}',
        b'{"query": "{ products { totalCount } }", "operationName": 1}',
        b'{"query": "{ products { totalCount } }", "operationName": "Unknown"}',
        b'{"query": "{ products { totalCount } }", "extensions": []}',
        b'{"query": "query A { products { totalCount } } query B { products { totalCount } }"}',
        b'{"query": "\xff"}',
        b'{"query": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: body[:70].decode(errors="replace"),
)
@pytest.mark.parametrize("accept", ["application/json", NEW_TYPE, "*/*"])
async def test_a_body_that_is_no_request_is_refused_with_a_code(
    client: Client, body: bytes, accept: str
) -> None:
    response = await client.rest.post("/graphql", content=body, headers=JSON | {"Accept": accept})
    assert response.status_code in (200, 400)
    assert code(response) == "VALIDATION_ERROR"
    if accept == NEW_TYPE:
        assert response.status_code == 400


async def test_a_body_too_large_is_refused_whether_it_says_so_or_not(client_with: ClientWith) -> None:
    client = await client_with(max_body_bytes=1000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    for content in (b" " * 1001, chunks()):
        response = await client.rest.post("/graphql", content=content, headers=JSON)
        assert (response.status_code, code(response)) == (413, "VALIDATION_ERROR")


async def test_a_body_in_chunks_is_read_whole(client: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in (b'{"query": "{ prod', b"ucts { totalC", b'ount } }"}'):
            yield part

    response = await client.rest.post("/graphql", content=chunks(), headers=JSON)
    assert response.json() == {"data": {"products": {"totalCount": 0}}}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused_as_json(client: Client, method: str) -> None:
    response = await client.rest.request(method, "/graphql", headers=JSON)
    assert (response.status_code, code(response)) == (405, "VALIDATION_ERROR")
    assert response.headers["Allow"] == "GET, HEAD, POST"


async def test_get_reads_but_never_writes(client: Client) -> None:
    accept = {"Accept": "application/json"}
    read = await client.rest.get("/graphql", params={"query": "{ products { totalCount } }"}, headers=accept)
    assert read.json() == {"data": {"products": {"totalCount": 0}}}
    write = await client.rest.get(
        "/graphql", params={"query": "mutation { logout(input: {}) { signedOut } }"}, headers=accept
    )
    assert (write.status_code, code(write)) == (405, "VALIDATION_ERROR")
    assert write.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "variables", [{"n": "x"}, {"n": 1.5}, {"n": None}, {}, {"n": 2**31}, {"n": 1, "f": {"nonsense": 1}}]
)
async def test_variables_that_do_not_fit_are_told_before_anything_runs(
    client: Client, variables: dict[str, object]
) -> None:
    query = "query($n: Int!, $f: ProductFilter) { products(first: $n, filter: $f) { totalCount } }"
    body = {"query": query, "variables": variables}
    for _ in range(2):  # the second time the document is known
        older = await client.rest.post("/graphql", json=body)
        newer = await client.rest.post("/graphql", json=body, headers={"Accept": NEW_TYPE})
        assert (older.status_code, newer.status_code) == (200, 400)
        assert code(older) == code(newer) == "VALIDATION_ERROR"
        assert "has invalid value" in older.json()["errors"][0]["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_without_a_stream_is_told_how_to_get_one(client: Client, method: str) -> None:
    request = {"query": 'subscription { orderUpdated(id: "x") { id } }'}
    sent = {"params": request} if method == "GET" else {"json": request}
    response = await client.rest.request(
        method, "/graphql", headers={"Accept": "application/json"}, **cast("Any", sent)
    )
    assert (response.status_code, code(response)) == (400, "VALIDATION_ERROR")
    assert "text/event-stream" in response.json()["errors"][0]["message"]


async def test_a_document_without_an_operation_is_refused(client: Client) -> None:
    response = await client.rest.post("/graphql", json={"query": "fragment F on Query { __typename }"})
    assert (response.status_code, code(response)) == (400, "VALIDATION_ERROR")
    assert "no operation" in response.json()["errors"][0]["message"]


async def test_a_form_of_another_site_starts_nothing(client: Client) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = await client.rest.post(
            "/graphql", content=b'{"query": "{ me { id } }"}', headers={"Content-Type": media_type}
        )
        assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_defect_is_hidden_from_the_caller_and_logged_under_the_requests_id(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> Any:
        raise RuntimeError("the password of the database is swordfish")

    monkeypatch.setattr(products, "list_products", fail)
    with caplog.at_level(logging.INFO):
        answer = await client.graphql("{ products { totalCount } }")
    assert answer.body == {
        "data": {"products": None},
        "errors": [
            {
                "message": "Internal server error",
                "locations": [{"line": 1, "column": 3}],
                "path": ["products"],
                "extensions": {"code": "INTERNAL_ERROR"},
            }
        ],
    }
    request_id = answer.response.headers["X-Request-ID"]
    (failure,) = [record for record in caplog.records if record.exc_info]
    assert request_id in failure.getMessage()
    assert any("POST /graphql 200" in line and request_id in line for line in caplog.messages)


async def test_both_faces_share_one_count_of_requests(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=2)
    first = await client.graphql("{ products { totalCount } }")
    second = await client.v1("GET", "/products")
    third = await client.graphql("{ products { totalCount } }")
    remaining = [
        answer.headers["X-RateLimit-Remaining"] for answer in (first.response, second, third.response)
    ]
    assert remaining == ["1", "0", "0"]
    assert (third.response.status_code, third.codes) == (429, ["RATE_LIMITED"])
    assert 1 <= int(third.response.headers["Retry-After"]) <= 60
    assert (await client.v1("GET", "/products")).json()["error_code"] == "RATE_LIMITED"


async def test_only_known_origins_may_read_and_they_may_read_the_headers(client_with: ClientWith) -> None:
    client = await client_with(cors_origins=("https://shop.example",), rate_limit_anonymous=100)
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    preflight = await client.rest.options("/graphql", headers={"Origin": "https://shop.example"} | asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    evil = await client.rest.options("/graphql", headers={"Origin": "https://evil.example"} | asked)
    assert "Access-Control-Allow-Origin" not in evil.headers
    answer = await client.rest.post(
        "/graphql", json={"query": "{ products { totalCount } }"}, headers={"Origin": "https://shop.example"}
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "X-RateLimit-Remaining" in answer.headers["Access-Control-Expose-Headers"]
