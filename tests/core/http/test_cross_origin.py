"""Pages of other origins: which may ask, what they may send, and that the log says why one was refused."""

import logging
from typing import Any

import httpx
import pytest

from core.settings import Environment
from tests.client import Client
from tests.conftest import ClientWith

pytestmark = pytest.mark.anyio

SHOP = "https://shop.example"
LOCAL = [
    "http://localhost:3000",
    "http://localhost:5173",
    "http://localhost",
    "https://localhost:8443",
    "http://127.0.0.1:8080",
    "http://[::1]:4200",
]
FOREIGN = [
    "https://evil.example",
    "http://localhost.evil.example",
    "http://localhost:3000.evil.example",
    "http://localhost@evil.example",
    "http://evil.example/localhost",
    "http://127.0.0.1.evil.example:80",
    "http://192.168.0.1:3000",
    "https://shop.example.evil.example",
    "https://shop.example:8443",
    "http://shop.example",
    "file://",
    "null",
]
#: As Apollo Client, urql, Relay, Sentry and OpenTelemetry send them.
HEADERS = [
    "authorization",
    "content-type",
    "idempotency-key",
    "accept, accept-language, content-language",
    "apollographql-client-name, apollographql-client-version",
    "apollo-require-preflight",
    "graphql-client-name, graphql-client-version",
    "x-apollo-operation-name,x-apollo-operation-id",
    "traceparent,tracestate",
    "baggage,sentry-trace",
    "x-requested-with",
    "x-request-id",
    "Authorization, Content-Type, TraceParent",
]
ADDRESSES = ["/graphql", "/api/v1/products", "/api/v1/nothing", "/health/live"]


async def preflight(
    client: Client,
    origin: str,
    *,
    method: str = "POST",
    headers: str | None = "content-type",
    path: str = "/graphql",
) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    asked |= {"Access-Control-Request-Headers": headers} if headers else {}
    return await client.rest.options(path, headers=asked)


async def shop_client(client_with: ClientWith, **settings: Any) -> Client:
    return await client_with(environment=Environment.PRODUCTION, cors_origins=(SHOP,), **settings)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("path", ADDRESSES)
async def test_a_page_may_send_what_clients_send(client_with: ClientWith, headers: str, path: str) -> None:
    client = await shop_client(client_with)
    answer = await preflight(client, SHOP, headers=headers, path=path)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, SHOP)
    allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert {name.strip().lower() for name in headers.split(",")} <= allowed


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE"])
async def test_a_page_may_use_every_method_of_both_faces(client_with: ClientWith, method: str) -> None:
    answer = await preflight(await shop_client(client_with), SHOP, method=method)
    assert answer.status_code == 200
    assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")


@pytest.mark.parametrize("origin", LOCAL)
async def test_in_development_every_page_of_this_machine_may_ask(
    client_with: ClientWith, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await client_with()
    assert (await preflight(client, origin)).headers["Access-Control-Allow-Origin"] == origin
    answer = await client.rest.get("/api/v1/products", headers={"Origin": origin})
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert not warnings(caplog)


@pytest.mark.parametrize("origin", LOCAL)
async def test_in_production_they_are_pages_like_any_other(client_with: ClientWith, origin: str) -> None:
    for client in (await shop_client(client_with), await client_with(environment=Environment.PRODUCTION)):
        refused = await preflight(client, origin)
        assert refused.status_code == 400
        assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("environment", Environment)
async def test_a_page_that_is_refused_is_told_of_in_the_log_with_the_setting(
    client_with: ClientWith, origin: str, environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    client = await client_with(environment=environment, cors_origins=(SHOP,))
    with caplog.at_level(logging.INFO):
        refused = await preflight(client, origin)
        answer = await client.rest.get("/api/v1/products", headers={"Origin": origin})
    assert (refused.status_code, answer.status_code) == (400, 200)
    for response in (refused, answer):
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Origin" in response.headers["Vary"]
    told = warnings(caplog)
    assert len(told) == 2
    assert all(repr(origin) in line and "TANDEM_CORS_ORIGINS" in line for line in told)


async def test_a_refused_preflight_has_an_id_and_a_line_in_the_log(
    client_with: ClientWith, caplog: pytest.LogCaptureFixture
) -> None:
    client = await shop_client(client_with)
    with caplog.at_level(logging.INFO):
        refused = await preflight(client, "https://evil.example")
    line = next(line for line in caplog.messages if line.startswith("OPTIONS /graphql 400"))
    assert refused.headers["X-Request-ID"] in line


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"headers": "content-type, x-tenant, x-other"},
            "TANDEM_CORS_HEADERS does not name 'x-tenant, x-other'",
        ),
        ({"method": "PUT"}, "no page may use 'PUT'"),
        ({"method": "PUT", "headers": None}, "no page may use 'PUT'"),
    ],
)
async def test_what_a_page_may_not_send_is_named_in_the_log(
    client_with: ClientWith, asked: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await preflight(await shop_client(client_with), SHOP, **asked)).status_code == 400
    assert warnings(caplog) == [f"Refused a request of a page of {SHOP}: {told}"]


async def test_a_setting_lets_pages_send_more(client_with: ClientWith) -> None:
    client = await shop_client(client_with, cors_headers=("X-Tenant",))
    answer = await preflight(client, SHOP, headers="x-tenant, authorization")
    assert answer.status_code == 200
    assert "X-Tenant" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://tandem.test"},
        {"Origin": "https://tandem.test"},
        {"Origin": "https://public.example", "Sec-Fetch-Site": "same-origin"},
        {},
    ],
)
async def test_a_page_of_the_server_itself_is_none_of_another_origin(
    client_with: ClientWith, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    client = await shop_client(client_with)
    assert (await client.rest.get("/api/v1/products", headers=headers)).status_code == 200
    assert not warnings(caplog)


async def test_every_answer_can_be_read_whichever_layer_gives_it(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await shop_client(client_with, rate_limit_anonymous=6, max_body_bytes=1_000)

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("graph.resolvers.products.list_products", fail)
    json = {"Content-Type": "application/json", "Origin": SHOP}
    answers = [
        await client.rest.get("/api/v1/products", headers=json),
        await client.rest.get("/api/v1/nothing", headers=json),
        await client.rest.get("/health/live", headers=json),
        await client.rest.put("/graphql", headers=json),
        await client.rest.post("/graphql", content=b" " * 1_001, headers=json),
        await client.rest.post("/graphql", content=b"{}", headers=json | {"Content-Encoding": "gzip"}),
        await client.rest.post("/graphql", content=b'{"query": "{ __typename }"}', headers=json),
        await client.rest.post("/graphql", content=b"{}", headers=json),
    ]
    assert [answer.status_code for answer in answers] == [500, 404, 200, 405, 413, 415, 200, 429]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert answer.headers["Vary"] == "Origin"


async def test_caches_are_told_that_answers_differ_by_origin_where_they_do(client_with: ClientWith) -> None:
    assert (await (await shop_client(client_with)).rest.get("/")).headers["Vary"] == "Origin"
    closed = await client_with(environment=Environment.PRODUCTION)
    assert "Vary" not in (await closed.rest.get("/")).headers
