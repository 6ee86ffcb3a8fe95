"""Whatever is asked for while the database hangs or is gone: 503, in the words of the API that was asked."""

import asyncio
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from fastapi import FastAPI

from engine.postgres.pool import LeanPool
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_admin, make_order, make_product, make_token
from tests.rest.conformance import check_answer

pytestmark = pytest.mark.anyio

BODIES: dict[str, dict[str, Any]] = {
    "login": {"username": "nobody@example.com", "password": "wrong"},
    "refreshToken": {"refresh_token": "wrong"},
    "createUser": {"email": "new@example.com", "full_name": "New", "password": "long enough"},
    "updateUser": {"full_name": "Other"},
    "createOrder": {"items": [{"product_id": 1, "quantity": 1}], "shipping_address": "1 Test Street"},
}
#: Answered without the database.
NEED_NONE = {"refreshToken"}


async def hang(*_: object, **__: object) -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("nothing sets it")


async def refuse(*_: object, **__: object) -> NoReturn:
    raise ConnectionRefusedError("no database")


#: What happens, the code and Retry-After of the answer, and a deadline that comes, or never.
OUTAGES = [(hang, "DEADLINE_EXCEEDED", None, 0.2), (refuse, "SERVICE_UNAVAILABLE", "5", 60.0)]


def break_database(monkeypatch: pytest.MonkeyPatch, outage: object) -> None:
    # What lends connections: queries, models and transactions all come by it.
    monkeypatch.setattr(LeanPool, "_use", outage)
    monkeypatch.setattr(LeanPool, "_acquire", outage)


def operations(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Yield id, method and path of every operation of v1."""
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path.removeprefix("/api/v1")


@pytest.mark.parametrize(("outage", "code", "retry_after", "deadline"), OUTAGES, ids=["hangs", "is gone"])
async def test_every_operation_of_rest_says_so(
    client_with: ClientWith,
    monkeypatch: pytest.MonkeyPatch,
    outage: object,
    code: str,
    retry_after: str | None,
    deadline: float,
) -> None:
    client = await client_with(deadline_seconds=deadline)
    admin = await make_admin()
    order = await make_order(admin, (await make_product(), 1))
    token = await make_token(client.resources, admin)
    break_database(monkeypatch, outage)
    seen = set()
    for name, method, path in operations(client.app):
        if name in NEED_NONE:
            continue
        filled = path.format(user_id=admin.id, order_id=order.id, product_id=1)
        answer = await client.v1(method, filled, token=token, json=BODIES.get(name))
        assert (answer.status_code, answer.json()["error_code"]) == (503, code), f"{name}: {answer.text}"
        assert answer.headers.get("Retry-After") == retry_after
        check_answer(client.app, answer)
        seen.add(name)
    assert len(seen) > 10


@pytest.mark.parametrize(("outage", "code", "retry_after", "deadline"), OUTAGES, ids=["hangs", "is gone"])
@pytest.mark.parametrize("signed_in", [False, True])
async def test_graphql_says_so(
    client_with: ClientWith,
    monkeypatch: pytest.MonkeyPatch,
    outage: object,
    code: str,
    retry_after: str | None,
    deadline: float,
    signed_in: bool,
) -> None:
    client = await client_with(deadline_seconds=deadline)
    token = await make_token(client.resources, await make_admin()) if signed_in else None
    break_database(monkeypatch, outage)
    answer = await client.graphql("{ products { nodes { name } } }", token=token)
    assert answer.codes == [code]
    if answer.response.status_code != 200:
        assert (answer.response.status_code, answer.response.headers.get("Retry-After")) == (503, retry_after)


@pytest.mark.parametrize("outage", [hang, refuse], ids=["hangs", "is gone"])
async def test_readiness_says_so(client: Client, monkeypatch: pytest.MonkeyPatch, outage: object) -> None:
    break_database(monkeypatch, outage)
    answer = await client.rest.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "failed", "redis": "ok"}
