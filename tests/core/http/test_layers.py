"""What every request meets first: its address, its id, its headers."""

from ipaddress import ip_network

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from core.errors import AppError, NotAuthenticated
from core.http.caller import Caller, read_caller
from core.http.layers import SECURITY_HEADERS, Observe
from core.security.tokens import TokenIssuer
from core.settings import Settings
from tests.client import Client
from tests.conftest import ClientWith

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def address(peer: str | None, *forwarded: str) -> str:
    raw = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": raw}
    return read_caller(scope, TokenIssuer(Settings()), TRUSTED).address


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        (None, (), ""),
        (None, ("198.51.100.7",), ""),
        # Whoever is not a proxy of ours can write what it likes.
        ("192.0.2.1", ("198.51.100.7",), "192.0.2.1"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("::1", ("2001:db8::7",), "2001:db8::7"),
        # The client invented the first one; the proxy added the last.
        ("10.0.0.1", ("203.0.113.9, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9", "198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.7, 10.0.0.2",), "198.51.100.7"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
    ],
)
def test_a_forwarded_address_counts_only_as_far_as_our_proxies_vouch_for_it(
    peer: str | None, forwarded: tuple[str, ...], expected: str
) -> None:
    assert address(peer, *forwarded) == expected


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_all_of_an_ipv6_household_counts_as_one_sender(address: str, network: str) -> None:
    assert Caller(NotAuthenticated(), address, "").network == network


@pytest.mark.anyio
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


@pytest.mark.anyio
async def test_clients_behind_a_trusted_proxy_are_counted_apart(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=1, trusted_proxies=("127.0.0.0/8",))
    for number in (1, 2):
        headers = {"X-Forwarded-For": f"203.0.113.9, 198.51.100.{number}"}
        assert (await client.v1("GET", "/products", headers=headers)).status_code == 200
    assert (await client.v1("GET", "/products", headers=headers)).status_code == 429


@pytest.mark.anyio
async def test_an_untrusted_forwarded_address_does_not_help(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=1)
    statuses = [
        (await client.v1("GET", "/products", headers={"X-Forwarded-For": f"198.51.100.{n}"})).status_code
        for n in (1, 2)
    ]
    assert statuses == [200, 429]


@pytest.mark.anyio
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

    await Observe(app, render)({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send)
    return sent


@pytest.mark.anyio
async def test_what_an_application_says_for_itself_is_not_overruled() -> None:
    own = ((b"x-frame-options", b"SAMEORIGIN"), (b"content-type", b"text/html"))
    start, _ = await answer_to({"type": "http.response.start", "status": 200, "headers": own})
    names = [name for name, _ in start["headers"]]
    assert len(names) == len(set(names))
    assert set(own) < set(start["headers"])
    expected = {name.lower().encode() for name in SECURITY_HEADERS} | {b"x-request-id", b"x-ratelimit-limit"}
    assert expected <= set(names)


@pytest.mark.anyio
async def test_an_answer_without_headers_gets_them(client: Client) -> None:
    start, _ = await answer_to({"type": "http.response.start", "status": 204})
    assert len(start["headers"]) == len(SECURITY_HEADERS) + 2


@pytest.mark.parametrize(
    ("error", "traces"), [(ConnectionRefusedError("no database"), 0), (ValueError("defect"), 1)]
)
@pytest.mark.anyio
async def test_an_outage_is_logged_in_a_line_and_a_defect_with_its_trace(
    caplog: pytest.LogCaptureFixture, error: Exception, traces: int
) -> None:
    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise error

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/api/v1/orders", "headers": []}
    await Observe(app, lambda _, told: Response(status_code=told.status))(scope, receive, send)
    assert sent[0]["status"] == 500
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert str(error) in record.getMessage()
    assert bool(record.exc_info) is bool(traces)
