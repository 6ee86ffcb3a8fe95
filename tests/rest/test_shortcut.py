"""The short way of plain reads answers what the long way answers, to the byte."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Header, Query, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from models import OrderStatus
from rest.v1 import shortcut
from rest.v1.dependencies import Ctx, UserCtx
from rest.v1.schemas.fields import WholeNumber
from rest.v1.shortcut import Shortcut
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_token, make_user

pytestmark = pytest.mark.anyio

PLAIN = [
    "/auth/me",
    "/orders",
    "/orders?page=2&page_size=1",
    "/orders?status=pending&nobody=asks",
    "/orders/1",
    "/orders/2",
    "/orders/99",
    "/orders/0",
    "/users?is_active=true",
    "/users?page_size=101",
    "/users?page=0",
    "/users/1",
    "/products?search=mug",
    "/products?search=m%75g+b&in_stock=false",
    "/products?search=%00",
    "/products?search=%ff%C3%A9",
    "/products/1",
    f"/products/{10**17}",
    f"/products?page={10**17}",
]
ODD = [
    "/orders?page=",
    "/orders?page",
    "/orders?page=-1",
    "/orders?page=1.0",
    "/orders?page= 1",
    "/orders?page=٣",
    "/orders?page=1&page=2",
    f"/orders?page={10**18}",
    f"/orders?page={'9' * 200}",
    "/orders?status=PENDING",
    "/orders?status=",
    "/orders?status=nothing",
    "/users?is_active=True",
    "/users?is_active=1",
    "/products?search=",
    "/orders/",
    "/orders/x",
    "/orders/-1",
    "/orders/1/events",
    "/orders/1/",
    f"/orders/{'9' * 200}",
    "/nothing/1",
]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were answered on the short way."""
    addresses: list[str] = []
    handle = Shortcut.handle

    async def note(self: Shortcut, scope: Scope, receive: Receive, send: Send) -> None:
        addresses.append(scope["path"])
        await handle(self, scope, receive, send)

    monkeypatch.setattr(Shortcut, "handle", note)
    return addresses


async def shop() -> None:
    user = await make_user()
    for _ in range(3):
        await make_order(user, (await make_product(name="Mug"), 2), status=OrderStatus.PENDING)
    await make_order(await make_user(is_active=False))


def seen(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.content, headers


async def both_ways(client: Client, url: str, **options: Any) -> httpx.Response:
    """Ask on the short way and on the long way, and return the one answer."""
    short = await client.v1("GET", url, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shortcut, "matches", lambda self, scope: (Match.NONE, {}))
        long = await client.v1("GET", url, **options)
    assert seen(short) == seen(long), url
    return short


@pytest.mark.parametrize("who", ["nobody", "somebody with a wrong token", "a user", "an administrator"])
async def test_both_ways_answer_the_same(client: Client, taken: list[str], who: str) -> None:
    await shop()
    user = {"a user": make_user, "an administrator": make_admin}.get(who)
    token = await make_token(client.resources, await user()) if user else None
    token = "x.y.z" if who == "somebody with a wrong token" else token
    for url in PLAIN:
        taken.clear()
        await both_ways(client, url, token=token)
        assert len(taken) == 1, url
    for url in ODD:
        taken.clear()
        await both_ways(client, url, token=token)
        assert not taken, url


async def test_other_methods_and_head_go_the_long_way(client: Client, taken: list[str]) -> None:
    user = await make_user()
    for method, status in (("HEAD", 200), ("POST", 422), ("DELETE", 405), ("OPTIONS", 405)):
        response = await client.v1(method, "/orders", user=user)
        assert response.status_code == status
    assert not taken


async def test_an_error_nobody_expected_is_masked_on_the_short_way(
    client: Client, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = await make_product()

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("graph.resolvers.loaders.Loaders.by_id", fail)
    response = await both_ways(client, f"/products/{product.id}")
    assert (response.status_code, response.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in response.text
    assert taken


@pytest.fixture
async def filled(client: Client) -> Client:
    """A client of a shop that the test below only reads."""
    await shop()
    return client


PARAMETERS = ("page", "page_size", "status", "search", "in_stock", "is_active", "other")
VALUES = (
    "",
    "0",
    "1",
    "2",
    "100",
    "101",
    "-1",
    "true",
    "false",
    "True",
    "pending",
    "mug",
    "a+b",
    "%20",
    "%",
    "1&page=1",
    "=",
)


@given(
    path=st.sampled_from(("/orders", "/users", "/products", "/orders/1", "/auth/me")),
    pairs=st.lists(st.tuples(st.sampled_from(PARAMETERS), st.sampled_from(VALUES)), max_size=4),
    bare=st.booleans(),
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
async def test_any_parameters_mean_the_same_on_both_ways(
    filled: Client, path: str, pairs: list[tuple[str, str]], bare: bool
) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs) + ("&page" if bare else "")
    await both_ways(filled, f"{path}?{query}")


def test_the_reads_of_all_features_are_known() -> None:
    for path in ("/auth/me", "/users", "/orders", "/products", "/users/1", "/orders/1", "/products/1"):
        scope = {"type": "http", "method": "GET", "path": f"/api/v1{path}", "query_string": b""}
        assert shortcut.matches(scope)[0] is Match.FULL, path


class Body(BaseModel):
    """A body."""


async def _with_body(body: Body) -> None: ...


async def _with_header(header: Annotated[str, Header()]) -> None: ...


async def _with_request(request: Request) -> None: ...


async def _with_bounds(page: Annotated[WholeNumber, Query(ge=1)] = 1) -> None: ...


async def _with_a_number_read_otherwise(page: Annotated[int, Query()] = 1) -> None: ...


async def _with_one_of_two(page: Annotated[int | str, Query()] = 1) -> None: ...


async def _with_a_must(search: Annotated[str, Query()]) -> None: ...


async def _within(inner: Annotated[None, Depends(_with_header)]) -> None: ...


async def _twice(ctx: Ctx, user: UserCtx) -> None: ...


async def _without_anything(ctx: Ctx) -> None: ...


@pytest.mark.parametrize(
    ("endpoint", "known"),
    [
        (_with_body, False),
        (_with_header, False),
        (_with_request, False),
        (_with_bounds, False),
        (_with_a_number_read_otherwise, False),
        (_with_one_of_two, False),
        (_with_a_must, False),
        (_within, False),
        (_twice, False),
        (_without_anything, True),
    ],
)
def test_an_endpoint_that_asks_for_more_is_left_alone(endpoint: Any, known: bool) -> None:
    router = APIRouter()
    router.add_api_route("/here", endpoint, methods=["GET"])
    scope = {"type": "http", "method": "GET", "path": "/here", "query_string": b""}
    assert (Shortcut("", router.routes).matches(scope)[0] is Match.FULL) is known
