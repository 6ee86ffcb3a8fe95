"""Handshakes of WebSockets that are refused, and what the log says of sockets."""

import logging
import re
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.typing import Origin, Subprotocol

from tests.graph.conftest import Live, Serve
from tests.servers import SECONDS, until

pytestmark = pytest.mark.anyio

PROTOCOLS = [Subprotocol("graphql-transport-ws")]


async def refusal(live: Live, path: str = "/graphql", **options: Any) -> tuple[Response, Any]:
    """Return the answer to a handshake that is refused, and its decoded body."""
    address = f"ws://127.0.0.1:{live.port}{path}"
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, subprotocols=PROTOCOLS, open_timeout=SECONDS, **options)
    response = refused.value.response
    assert response.body
    assert response.headers["content-length"] == str(len(response.body))
    assert response.headers["content-type"].partition(";")[0] == "application/json"
    return response, orjson.loads(response.body)


async def logged(caplog: pytest.LogCaptureFixture, pattern: str) -> re.Match[str]:
    """Wait for a line in the log of requests."""
    found: list[re.Match[str]] = []

    def is_there() -> bool:
        lines = [record.getMessage() for record in caplog.records if record.name == "tandem.requests"]
        found.extend(match for line in lines if (match := re.fullmatch(pattern, line)))
        return bool(found)

    await until(is_there)
    return found[0]


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tandem.requests")


async def test_one_too_many_is_429(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    live = await serve(rate_limit_anonymous=1)
    opened = await live.socket()
    accepted = opened.connection.response
    assert accepted is not None
    assert accepted.headers["x-ratelimit-remaining"] == "0"
    response, body = await refusal(live)
    assert response.status_code == 429
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert response.headers["x-ratelimit-limit"] == "1"
    assert body["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    line = await logged(caplog, r"WS /graphql 429 [\d.]+ ms \(127\.0\.0\.1, (\w+)\)")
    assert line[1] == response.headers["x-request-id"] != accepted.headers["x-request-id"]


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/graphql/", "/api/v1/orders", "/api/v1/nothing", "/health/live"]
)
async def test_a_path_without_sockets_is_404(
    serve: Serve, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    response, body = await refusal(await serve(), path)
    assert (response.status_code, body["error_code"]) == (404, "NOT_FOUND")
    line = await logged(caplog, rf"WS {path} 404 [\d.]+ ms \(127\.0\.0\.1, (\w+)\)")
    assert line[1] == response.headers["x-request-id"]


async def test_one_too_many_elsewhere_is_429(serve: Serve) -> None:
    live = await serve(rate_limit_anonymous=1)
    statuses = [(await refusal(live, "/api/v1/orders"))[0].status_code for _ in range(2)]
    assert statuses == [404, 429]


async def test_another_origin_is_403(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    response, body = await refusal(await serve(), origin=Origin("https://evil.example"))
    assert response.status_code == 403
    assert "origin" in body["errors"][0]["message"]
    line = await logged(caplog, r"WS /graphql 403 [\d.]+ ms \(127\.0\.0\.1, (\w+)\)")
    assert line[1] == response.headers["x-request-id"]


async def test_a_defect_during_the_handshake_is_500(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    monkeypatch.setattr("graph.endpoint.sockets.SocketEndpoint.websocket_subprotocols", None)
    response, body = await refusal(live)
    assert response.status_code == 500
    assert body["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    await logged(caplog, rf"WS /graphql 500 [\d.]+ ms \(127\.0\.0\.1, {response.headers['x-request-id']}\)")


async def test_a_defect_later_closes_with_1011(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.endpoint.sockets.SocketHandler.handle_message", None)
    socket = await (await serve()).socket()
    await socket.send("connection_init")
    assert (await socket.closed())[0] == 1011
    await logged(caplog, r"WS /graphql 101 closed with 1011 [\d.]+ ms \(127\.0\.0\.1, \w+\)")


async def test_the_log_has_the_code_that_the_server_closes_with(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    socket = await (await serve()).socket()
    await socket.send("nonsense")
    assert (await socket.closed())[0] == 4400
    await logged(caplog, r"WS /graphql 101 closed with 4400 [\d.]+ ms \(127\.0\.0\.1, \w+\)")


@pytest.mark.parametrize("code", [1000, 1001, 4499])
async def test_the_log_has_the_code_that_the_client_closes_with(
    serve: Serve, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    socket = await (await serve()).socket()
    response = socket.connection.response
    assert response is not None
    await socket.connection.close(code)
    await logged(
        caplog,
        rf"WS /graphql 101 closed with {code} [\d.]+ ms \(127\.0\.0\.1, {response.headers['x-request-id']}\)",
    )


async def test_the_log_has_a_connection_that_is_lost(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    socket = await (await serve()).socket()
    socket.connection.transport.abort()
    await logged(caplog, r"WS /graphql 101 closed with 100[56] [\d.]+ ms \(127\.0\.0\.1, \w+\)")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
