"""What every answer has: an id, safe headers, a line in the log."""

import asyncpg
import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from core.errors import AppError
from core.http.request_log import RequestLog
from core.http.response_headers import NO_STORE, SECURITY_HEADERS
from tests.client import Client
from tests.conftest import ClientWith

pytestmark = pytest.mark.anyio


async def test_a_defect_can_be_read_by_a_page_of_another_origin(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_with(cors_origins=("https://shop.example",))

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("graph.resolvers.products.list_products", fail)
    answer = await client.rest.get("/api/v1/products", headers={"Origin": "https://shop.example"})
    assert answer.status_code == 500
    assert answer.json()["error_code"] == "INTERNAL_ERROR"
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "path", ["/graphql", "/api/v1/products", "/api/v1/nothing", "/health/live", "/nothing"]
)
async def test_every_answer_has_an_id_and_the_headers_of_safety(client: Client, path: str) -> None:
    answers = [await client.rest.get(path) for _ in range(2)]
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 2
    for answer in answers:
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value
        assert "Server" not in answer.headers


async def answer_to(message: Message) -> list[Message]:
    """Return what an application that answers with *message* is made to say."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["answer_headers"] = ((b"x-ratelimit-limit", b"5"),)
        await send(message)
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        raise AssertionError("nobody asks")

    async def send(message: Message) -> None:
        sent.append(message)

    def render(scope: Scope, error: AppError) -> Response:
        raise AssertionError("nothing fails")

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await RequestLog(app, render, face_of=str)(scope, receive, send)
    return sent


async def test_what_an_application_says_for_itself_is_not_overruled() -> None:
    own = ((b"x-frame-options", b"SAMEORIGIN"), (b"content-type", b"text/html"))
    start, _ = await answer_to({"type": "http.response.start", "status": 200, "headers": own})
    names = [name for name, _ in start["headers"]]
    assert len(names) == len(set(names))
    assert set(own) < set(start["headers"])
    expected = {name.lower().encode() for name in SECURITY_HEADERS} | {b"x-request-id", b"x-ratelimit-limit"}
    assert expected <= set(names)


async def test_an_answer_without_headers_gets_them(client: Client) -> None:
    start, _ = await answer_to({"type": "http.response.start", "status": 204})
    assert len(start["headers"]) == len(SECURITY_HEADERS | NO_STORE) + 2


@pytest.mark.parametrize(
    ("error", "status", "traces"),
    [
        (ConnectionRefusedError("no database"), 503, 0),
        (TimeoutError("no answer"), 503, 0),
        (asyncpg.QueryCanceledError("too long"), 503, 0),
        (ValueError("defect"), 500, 1),
    ],
)
async def test_an_outage_is_logged_in_a_line_and_a_defect_with_its_trace(
    caplog: pytest.LogCaptureFixture, error: Exception, status: int, traces: int
) -> None:
    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise error

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/api/v1/orders", "headers": []}

    def render(_: Scope, answer: AppError) -> Response:
        return Response(status_code=answer.status)

    await RequestLog(app, render, face_of=str)(scope, receive, send)
    assert sent[0]["status"] == status
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert str(error) in record.getMessage()
    assert bool(record.exc_info) is bool(traces)
