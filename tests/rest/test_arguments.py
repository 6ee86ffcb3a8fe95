"""Every operation reads its parameters and its body as FastAPI's own solver would, whatever is sent.

But for the bytes that they are made of: see :func:`tests.rest.stock.for_stock`.
"""

import json
from dataclasses import dataclass, replace

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.resources import Resources
from rest.v1 import routes
from tests.factories import make_admin, make_token, make_user
from tests.rest.stock import Sent, ask, echoes, for_stock, has_query_in_utf8, is_sent_as_json, reads_body

pytestmark = pytest.mark.anyio

JSON = (b"content-type", b"application/json")


@dataclass
class Both:
    """Both applications, and the headers of callers."""

    ours: FastAPI
    stock: FastAPI
    callers: dict[str, list[tuple[bytes, bytes]]]

    async def answer(self, sent: Sent, caller: str = "admin") -> tuple[int, str]:
        """Return status and body of the one answer that both give."""
        sent = replace(sent, headers=[*self.callers[caller], *sent.headers])
        ours = await ask(self.ours, sent)
        status, text = ours[0], ours[2].decode()
        if sent.body and reads_body(sent) and not is_sent_as_json(sent):
            assert (status, json.loads(text)["error_code"]) == (415, "UNSUPPORTED_MEDIA_TYPE"), sent
        elif has_query_in_utf8(sent) or "must be UTF-8" not in text:
            assert ours == await ask(self.stock, for_stock(sent)), sent
        else:
            assert status == 422, sent
        return status, text


@pytest.fixture
async def both(resources: Resources) -> Both:
    """Both applications, over one database that nobody changes."""

    async def bearer(token: str) -> list[tuple[bytes, bytes]]:
        return [(b"authorization", f"Bearer {token}".encode())]

    return Both(
        *echoes(resources),
        {
            "nobody": [],
            "garbage": await bearer("x.y.z"),
            "user": await bearer(await make_token(resources, await make_user())),
            "admin": await bearer(await make_token(resources, await make_admin())),
        },
    )


QUERIES = [
    b"",
    b"&",
    b"=",
    b"page",
    b"page=",
    b"page=2&page_size=1",
    b"page=1&page=x",
    b"page=x&page=1",
    b"page=x&page_size=y&status=z&is_active=q&in_stock=q",
    b"page=0",
    b"page=-1",
    b"page=-",
    b"page=--1",
    b"page=+1",
    b"page=%2B1",
    b"page= 1",
    b"page=1.0",
    b"page=1_0",
    b"page=1e1",
    b"page=007",
    b"page=\xd9\xa3",
    b"page=%D9%A3",
    b"page=%31",
    b"p%61ge=3",
    b"PAGE=3",
    b"page=9223372036854775807",
    b"page=9223372036854775808",
    b"page=9223372036854775808&status=z",
    b"page=" + b"9" * 100,
    b"page=" + b"9" * 101,
    b"page=" + b"9" * 5_000,
    b"page=1;page_size=2",
    b"page=1&&page_size=2",
    b"page==1",
    b"page=%",
    b"page=%zz",
    b"page=&search=%20",
    b"search=%41&page",
    b"page=1%00",
    b"status=pending",
    b"status=PENDING",
    b"status=",
    b"status=pending&status=completed",
    b"status=%70ending",
    b"is_active=true&in_stock=false",
    b"is_active=TRUE&in_stock=False",
    b"is_active=1&in_stock=0",
    b"is_active=yes&in_stock=",
    b"search=a+b",
    b"search=%ff%C3%A9",
    b"search=\xc3\xa9",
    b"search=%00",
    b"search=",
    b"after=abc&after=def",
    b"after=%E2%82%AC",
    b"other=1&nobody=asks",
]
IDS = [
    "1",
    "0",
    "-1",
    "x",
    "",
    " 1",
    "1.0",
    "٣",
    "9" * 18,
    "9" * 19,
    "9" * 101,
    "true",
    "1,2",
    "%31",
    "a\0b",
    "1\n",
]
BODIES = [
    b"",
    b" ",
    b"{",
    b"{}",
    b"[]",
    b"null",
    b"true",
    b"0",
    b'""',
    b"NaN",
    b"[1]",
    b"{} {}",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"[" * 100_000,
    b"9" * 5_000,
    b'{"items": null, "shipping_address": null}',
    b'{"items": {}, "shipping_address": {}}',
    b'{"items": [], "shipping_address": "x"}',
    b'{"items": [1, "2", null], "shipping_address": 1}',
    b'{"items": [{}], "shipping_address": "x"}',
    b'{"items": [{"product_id": "1", "quantity": true}], "shipping_address": "x"}',
    b'{"items": [{"product_id": 1.0, "quantity": 1e2}], "shipping_address": "x"}',
    b'{"items": [{"product_id": 1.5, "quantity": 1e400}], "shipping_address": "x"}',
    b'{"items": [{"product_id": 1e300, "quantity": -0.0}], "shipping_address": 2.0}',
    b'{"items": [{"product_id": "1.0", "quantity": "2"}], "shipping_address": "x"}',
    b'{"email": "a@example.com", "full_name": "A", "password": "long enough", "more": NaN}',
    b'{"email": "a@example.com", "full_name": "A", "password": "long enough", "more": -Infinity}',
    b'{"email": "a@example.com", "full_name": "A", "password": "long enough", "\\udfff": "more"}',
    b'\xef\xbb\xbf{"email": "a@example.com", "full_name": "\xc3\xa9", "password": "long enough"}',
    b"\xef\xbb\xbf\xef\xbb\xbf{}",
    b'{"email": "a@example.com", "full_name": "\xe9", "password": "long enough"}',
    '{"email": "a@example.com", "full_name": "A", "password": "long enough"}'.encode("utf-16"),
    '{"email": "a@example.com", "full_name": "A", "password": "long enough"}'.encode("utf-16-le"),
    '{"email": "a@example.com", "full_name": "A", "password": "long enough"}'.encode("utf-32"),
    b'{"items": [{"product_id": 1, "quantity": 2, "more": 3}], "shipping_address": "x", "more": 4}',
    b'{"items": [{"product_id": ' + b"9" * 400 + b', "quantity": 1}], "shipping_address": "x"}',
    b'{"items": [{"product_id": 1, "quantity": 1}], "shipping_address": "\\ud800"}',
    b'{"items": [{"product_id": 1, "quantity": 1}], "shipping_address": "a", "shipping_address": "b"}',
    b'{"email": "a@example.com", "full_name": "A", "password": "long enough"}',
    b'{"email": 1, "full_name": [], "password": {}}',
    b'{"email": null, "full_name": null}',
    b'{"refresh_token": "x"}',
    b'{"refresh_token": "\\u0000"}',
]
MEDIA_TYPES = [
    b"application/json",
    b"application/json; charset=utf-8",
    b"application/json;charset=latin-1",
    b" application/json ",
    b"Application/JSON",
    b'application/JSON ;Charset="utf-8"; a="b;c, d"',
    b"application/json-patch+json",
    b"application/json;",
    b"application/vnd.api+json",
    b"application/+json",
    b"application/json, text/plain",
    b"text/json",
    b"text/plain",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"application",
    b"application/",
    b"/json",
    b"",
    b"\xe9",
]
OPERATIONS = [
    (method, route.path)
    for route in routes.routes
    for method in sorted(route.methods or ())
    # FastAPI documents one encoding of a body, and would read only that; test_auth.py sends it both.
    if route.operation_id != "login"
]
READS = [path for method, path in OPERATIONS if method == "GET"]
WRITES = [(method, path) for method, path in OPERATIONS if method in ("POST", "PATCH")]


def at(path: str, id: str = "1") -> str:
    return "/".join(id if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("path", READS)
async def test_queries(both: Both, path: str) -> None:
    for query in QUERIES:
        for caller in both.callers:
            await both.answer(Sent("GET", at(path), query), caller)


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if "{" in each[1]])
async def test_ids(both: Both, method: str, path: str) -> None:
    for id in IDS:
        for caller in both.callers:
            await both.answer(Sent(method, at(path, id), headers=[JSON], body=b"{}"), caller)


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_bodies(both: Both, method: str, path: str) -> None:
    for body in BODIES:
        for caller in both.callers:
            await both.answer(Sent(method, at(path), headers=[JSON], body=body), caller)


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_media_types(both: Both, method: str, path: str) -> None:
    for body in (b"", b"{}", b"{"):
        await both.answer(Sent(method, at(path), body=body))
        for media_type in MEDIA_TYPES:
            headers = [(b"content-type", media_type), (b"content-type", b"text/html")]
            await both.answer(Sent(method, at(path), headers=headers[:1], body=body))
            await both.answer(Sent(method, at(path), headers=headers[::-1], body=body))


@pytest.mark.parametrize("values", [[], [b""], [b"key"], [b"a", b"a"], [b" "], [b"x" * 9_000]])
async def test_headers(both: Both, values: list[bytes]) -> None:
    body = b'{"items": [{"product_id": 1, "quantity": 1}], "shipping_address": "x"}'
    headers = [JSON, *((b"idempotency-key", value) for value in values)]
    status, text = await both.answer(Sent("POST", "/api/v1/orders", headers=headers, body=body))
    assert status == 200
    expected = values[0].decode("latin-1") if values else None
    assert json.loads(text)["idempotency_key"] == repr(expected)


async def test_all_problems_are_told_at_once_in_the_order_of_the_checks(both: Both) -> None:
    status, text = await both.answer(Sent("GET", "/api/v1/orders", b"status=x&page_size=y&page=z"))
    assert (status, [problem["field"] for problem in json.loads(text)["errors"]]) == (
        422,
        ["page", "page_size", "status"],
    )
    status, text = await both.answer(Sent("PATCH", "/api/v1/users/x", headers=[JSON], body=b'{"email": 1}'))
    assert [problem["field"] for problem in json.loads(text)["errors"]] == ["user_id", "email"]


async def test_who_may_not_call_learns_that_before_what_is_wrong_with_the_input(both: Both) -> None:
    for caller, expected in (("nobody", 401), ("garbage", 401), ("user", 403), ("admin", 422)):
        status, _ = await both.answer(Sent("DELETE", "/api/v1/users/x"), caller)
        assert status == expected
    # But for a body that nobody can parse, as ever.
    status, _ = await both.answer(Sent("POST", "/api/v1/orders", headers=[JSON], body=b"{"), "nobody")
    assert status == 422


NAMES = ["page", "page_size", "status", "search", "in_stock", "is_active", "after", "other"]
TEXTS = st.one_of(
    st.integers().map(str), st.sampled_from(["", "true", "pending", "%20", "+", "&"]), st.text()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["items", "shipping_address", "product_id", "quantity", "email", "full_name"]),
            inner,
        )
    ),
    max_leaves=8,
)
examples = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(path=st.sampled_from(READS), pairs=st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), max_size=5))
@examples
async def test_any_query(both: Both, path: str, pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={text}" for name, text in pairs).encode("utf-8", "surrogatepass")
    await both.answer(Sent("GET", at(path), query))


@given(operation=st.sampled_from(WRITES), body=VALUES)
@examples
async def test_any_body(both: Both, operation: tuple[str, str], body: object) -> None:
    method, path = operation
    await both.answer(Sent(method, at(path), headers=[JSON], body=json.dumps(body).encode()))
