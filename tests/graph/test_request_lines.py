"""The line that each request has in the log: its fields, and nothing that is a secret."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from core.logging import TextFormatter
from tests.factories import make_token, make_user
from tests.graph.conftest import Live, Serve
from tests.log_lines import Lines, logged_lines
from tests.servers import until

pytestmark = pytest.mark.anyio

LOGGER = "tandem.requests"


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The log from now on."""
    with logged_lines() as written:
        yield written


@pytest.fixture
async def live(serve: Serve) -> Live:
    """The application behind a real port."""
    return await serve()


@pytest.fixture
async def http(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that port."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{live.port}") as opened:
        yield opened


async def last_line(lines: Lines, count: int = 1) -> dict[str, Any]:
    """Wait for so many lines of requests, and return the last one without its time, which is checked."""
    await until(lambda: len(lines.of(LOGGER)) >= count)
    line = lines.of(LOGGER)[-1]
    assert line.pop("message") == "Request"
    assert 0 <= line.pop("milliseconds") < 60_000
    return line


async def test_a_graphql_request_has_its_operation_its_codes_and_its_user(
    live: Live, http: httpx.AsyncClient, lines: Lines
) -> None:
    user = await make_user()
    token = await make_token(live.client.resources, user)
    query = 'query Everybody { me { id } users { nodes { id } } b: node(id: "nothing") { id } }'
    answer = await http.post(
        "/graphql?token=hunter2", json={"query": query}, headers={"Authorization": f"Bearer {token}"}
    )
    codes = list(dict.fromkeys(error["extensions"]["code"] for error in answer.json().get("errors", [])))
    assert codes
    assert await last_line(lines) == {
        "method": "POST",
        "path": "/graphql",
        "operation": "Everybody",
        "status": 200,
        "codes": codes,
        "client": "127.0.0.1",
        "user_id": user.id,
        "request_id": answer.headers["X-Request-ID"],
    }
    for secret in ("hunter2", token, user.email):
        assert secret not in lines.text


async def test_a_request_of_nobody_and_without_a_name_has_neither(
    http: httpx.AsyncClient, lines: Lines
) -> None:
    answer = await http.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Authorization": "Bearer x.y.z"}
    )
    assert await last_line(lines) == {
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "client": "127.0.0.1",
        "request_id": answer.headers["X-Request-ID"],
    }


@pytest.mark.parametrize(
    ("method", "path", "operation", "status"),
    [
        ("GET", "/api/v1/products/7", "getProduct", 404),
        ("GET", "/api/v1/orders", "listOrders", 401),
        ("PUT", "/api/v1/orders", None, 405),
        ("GET", "/nothing", None, 404),
        ("GET", "/health/live", None, 200),
    ],
)
async def test_a_request_of_rest_has_the_id_of_its_operation(
    http: httpx.AsyncClient, lines: Lines, method: str, path: str, operation: str | None, status: int
) -> None:
    answer = await http.request(method, f"{path}?search=a%40b.example")
    expected = {
        "method": method,
        "path": path,
        "operation": operation,
        "status": status,
        "client": "127.0.0.1",
        "request_id": answer.headers["X-Request-ID"],
    }
    line = await last_line(lines)
    assert line == {name: value for name, value in expected.items() if value is not None}
    assert "b.example" not in lines.text


async def test_names_and_paths_have_bounds(http: httpx.AsyncClient, lines: Lines) -> None:
    await http.post("/graphql", json={"query": f"query {'n' * 5_000} {{ __typename }}"})
    assert (await last_line(lines))["operation"] == "n" * 100
    await http.get("/" + "p" * 5_000)
    assert (await last_line(lines, 2))["path"] == "/" + "p" * 499 + "…"


async def test_a_socket_has_a_line_for_each_operation_and_one_for_its_end(live: Live, lines: Lines) -> None:
    user = await make_user()
    socket = await live.socket(additional_headers={"X-Request-ID": "socket-7"})
    await socket.init(await make_token(live.client.resources, user))
    await socket.subscribe('query Mine { me { id } b: node(id: "nothing") { id } }')
    while (await socket.receive())["type"] != "complete":
        pass
    known = {
        "method": "WS",
        "path": "/graphql",
        "client": "127.0.0.1",
        "user_id": user.id,
        "request_id": "socket-7",
    }
    line = await last_line(lines)
    codes = line.pop("codes")
    assert codes == [error["extensions"]["code"] for error in socket.received[-2]["payload"]["errors"]]
    assert line == known | {"operation": "Mine"}
    await socket.connection.close(4000)
    assert await last_line(lines, 2) == known | {"status": 101, "close_code": 4000}


async def test_a_page_that_is_refused_has_a_line_too(http: httpx.AsyncClient, lines: Lines) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    await http.options("/graphql", headers=asked)
    line = await last_line(lines)
    assert (line["method"], line["status"], line["client"]) == ("OPTIONS", 400, "127.0.0.1")


async def test_a_defect_has_the_fields_of_its_request(
    http: httpx.AsyncClient, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.resolvers.products.list_products", None)
    answer = await http.get("/api/v1/products")
    assert (await last_line(lines, 2))["status"] == 500
    failure = lines.of(LOGGER)[0]
    assert "Traceback" in failure["exception"]
    known = {"method": "GET", "path": "/api/v1/products", "request_id": answer.headers["X-Request-ID"]}
    assert known.items() <= failure.items()


async def test_other_lines_of_a_request_have_its_id(http: httpx.AsyncClient, lines: Lines) -> None:
    await http.post("/graphql", json={"query": "{ x }"}, headers={"Origin": "https://elsewhere.example"})
    (line,) = lines.of("tandem.cors")
    assert line["request_id"] == (await last_line(lines))["request_id"]


async def test_people_read_one_line_of_text(live: Live, http: httpx.AsyncClient) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(TextFormatter(colours=True))
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        user = await make_user()
        token = await make_token(live.client.resources, user)
        sent = {"Authorization": f"Bearer {token}", "X-Request-ID": "abc"}
        await http.post("/graphql", json={"query": "query Me { me { id } }"}, headers=sent)
        await until(lambda: "\n" in written.getvalue())
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    line = written.getvalue().partition("tandem.requests: ")[2]
    before, status, after = line.partition("\x1b[32m200\x1b[0m")
    assert (before, bool(status)) == ("POST /graphql Me ", True)
    assert after.endswith(f" ms (user {user.id}, 127.0.0.1, abc)\n")


TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "sent",
    [
        "a",
        "A1._:+/=-z",
        "7" * 64,
        "0193f6a2-7c1e-7b0a-9d52-2f1f3b1f4c5d",
    ],
)
async def test_an_id_that_comes_with_a_request_is_its_id(
    http: httpx.AsyncClient, lines: Lines, sent: str
) -> None:
    answer = await http.get("/health/live", headers={"X-Request-ID": sent, "traceparent": PARENT})
    assert answer.headers.get_list("X-Request-ID") == [sent]
    line = await last_line(lines)
    assert (line["request_id"], line["trace_id"]) == (sent, TRACE)


@pytest.mark.parametrize(
    "sent",
    [
        *(
            "",
            "-",
            "-a",
            "7" * 65,
            "a b",
            "a\tb",
            "a,b",
            'a"b',
            "a<b>",
            "a;b",
            "a%0Ab",
            "{a}",
            "$(a)",
            "\u00e9",
        ),
        ("a", "a"),
    ],
)
async def test_an_id_that_is_no_plain_word_is_replaced(
    http: httpx.AsyncClient, lines: Lines, sent: str | tuple[str, ...]
) -> None:
    values = (sent,) if isinstance(sent, str) else sent
    answer = await http.get("/health/live", headers=[(b"X-Request-ID", value.encode()) for value in values])
    (shown,) = answer.headers.get_list("X-Request-ID")
    assert len(shown) == 16
    assert int(shown, 16) >= 0
    line = await last_line(lines)
    assert line["request_id"] == shown
    assert "trace_id" not in line


@pytest.mark.parametrize(
    "sent", [PARENT, PARENT[:-2] + "ff", "cc" + PARENT[2:], "cc" + PARENT[2:] + "-what.will be"]
)
async def test_the_trace_of_a_request_is_its_id_where_it_has_none(
    http: httpx.AsyncClient, lines: Lines, sent: str
) -> None:
    answer = await http.get("/health/live", headers={"traceparent": sent})
    assert answer.headers["X-Request-ID"] == TRACE
    line = await last_line(lines)
    assert line["request_id"] == line["trace_id"] == TRACE


@pytest.mark.parametrize(
    "sent",
    [
        *("", TRACE, PARENT.upper(), f"{PARENT}-", f"{PARENT}-01", PARENT[:-1], f"{PARENT}0", f"- {PARENT}"),
        *(f"ff{PARENT[2:]}", f"cc{PARENT[2:]}01", f"0{PARENT}", PARENT.replace("-", "_")),
        *(PARENT.replace(TRACE, "0" * 32), PARENT.replace("b7ad6b7169203331", "0" * 16)),
        (PARENT, PARENT),
    ],
)
async def test_what_is_no_traceparent_is_ignored(
    http: httpx.AsyncClient, lines: Lines, sent: str | tuple[str, ...]
) -> None:
    values = (sent,) if isinstance(sent, str) else sent
    answer = await http.get("/health/live", headers=[("traceparent", value) for value in values])
    assert len(answer.headers["X-Request-ID"]) == 16
    assert "trace_id" not in await last_line(lines)
