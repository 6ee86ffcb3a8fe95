"""Nobody keeps an answer that holds tokens or somebody's data (RFC 6749 section 5.1, RFC 9111 section 5.2.2.5)."""

import re
from collections.abc import Mapping

import pytest

from tests.client import Client
from tests.factories import PASSWORD, make_order, make_product, make_user

pytestmark = pytest.mark.anyio

NO_STORE = "no-store"
SIGN_IN = 'mutation { login(input: {email: "%s", password: "%s"}) { accessToken } }'
STREAMS = ("text/event-stream", "multipart/mixed; subscriptionSpec=1.0")


def caching(headers: Mapping[str, str]) -> str | None:
    return headers.get("cache-control")


async def test_tokens_are_kept_by_nobody(client: Client) -> None:
    user = await make_user()
    answer = await client.v1("POST", "/auth/login", json={"username": user.email, "password": PASSWORD})
    assert (answer.status_code, caching(answer.headers)) == (200, NO_STORE)
    body = {"refresh_token": answer.json()["refresh_token"]}
    answer = await client.v1("POST", "/auth/refresh", json=body)
    assert (answer.status_code, caching(answer.headers)) == (200, NO_STORE)
    signed_in = await client.graphql(SIGN_IN % (user.email, PASSWORD))
    assert signed_in.data["login"]["accessToken"]
    assert caching(signed_in.response.headers) == NO_STORE


async def test_private_data_and_errors_are_kept_by_nobody(client: Client) -> None:
    user = await make_user()
    order = await make_order(user, (await make_product(), 1))
    statuses = {}
    for path in ("/users", f"/users/{user.id}", "/orders", f"/orders/{order.id}", "/orders/999", "/nowhere"):
        answer = await client.v1("GET", path, user=user)
        statuses[path] = answer.status_code
        assert caching(answer.headers) == NO_STORE, path
    assert sorted(statuses.values()) == [200, 200, 200, 200, 404, 404]
    for method, path, body in (
        ("POST", "/orders", {}),
        ("DELETE", "/orders", None),
        ("PATCH", f"/users/{user.id}", {"full_name": "Another"}),
    ):
        answer = await client.v1(method, path, user=user, json=body)
        assert caching(answer.headers) == NO_STORE, (method, path, answer.status_code)
    assert caching((await client.v1("GET", "/orders")).headers) == NO_STORE
    headers = await client.headers(user)
    for query in ("{ me { email } }", "{ nothing }", "subscription { orderEvents { cursor } }"):
        for answer in (
            await client.rest.post("/graphql", json={"query": query}, headers=headers),
            await client.rest.get("/graphql", params={"query": query}, headers=headers),
        ):
            assert caching(answer.headers) == NO_STORE, (query, answer.status_code)


@pytest.mark.parametrize("accept", STREAMS)
async def test_streams_are_kept_by_nobody(client: Client, accept: str) -> None:
    headers = await client.headers(await make_user()) | {"Accept": accept}
    query = {"query": "subscription { orderEvents { cursor } }"}
    answer = await client.rest.head("/graphql", params=query, headers=headers)
    assert answer.headers["content-type"].split(";")[0] in accept
    assert caching(answer.headers) == "no-store, no-transform"


async def test_files_that_are_the_same_for_everybody_are_kept(client: Client) -> None:
    for path, expected in (
        ("/schema.graphql", "no-cache"),
        ("/favicon.ico", "public, max-age=86400"),
    ):
        answer = await client.rest.get(path)
        assert (answer.status_code, caching(answer.headers)) == (200, expected), path
    schema = await client.rest.get("/schema.graphql")
    again = await client.rest.get("/schema.graphql", headers={"If-None-Match": schema.headers["etag"]})
    assert (again.status_code, caching(again.headers)) == (304, "no-cache")


async def test_what_has_a_validator_and_says_nothing_of_caches_is_left_alone(client: Client) -> None:
    page = (await client.rest.get("/docs")).text
    (path,) = re.findall(r'href="([^"]*swagger-ui\.css)"', page)
    answer = await client.rest.get(path)
    assert answer.status_code == 200
    assert "etag" in answer.headers
    assert NO_STORE not in str(caching(answer.headers))
