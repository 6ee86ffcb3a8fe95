"""HEAD is answered as GET would be, without the body (RFC 9110 section 9.3.2)."""

import httpx
import pytest

from tests.graph.conftest import Serve
from tests.servers import SECONDS

pytestmark = pytest.mark.anyio

#: What differs from one answer to the next: ids, counts, and the page's nonce.
OWN = ("x-request-id", "date", "content-security-policy", "etag", "transfer-encoding")
JSON = {"Accept": "application/json"}
NEWER = {"Accept": "application/graphql-response+json"}
EVENTS = {"Accept": "text/event-stream"}
MULTIPART = {"Accept": 'multipart/mixed;subscriptionSpec="1.0"'}
SUBSCRIPTION = "subscription { orderEvents { cursor } }"


@pytest.mark.parametrize(
    ("path", "params", "headers"),
    [
        *(("/graphql", {}, {"Accept": accept}) for accept in ("text/html", "application/json", "*/*")),
        *(("/graphql", {"query": "{ __typename }"}, headers) for headers in (JSON, NEWER, EVENTS)),
        *(("/graphql", {"query": "{ nonsense }"}, headers) for headers in (JSON, NEWER, EVENTS)),
        *(("/graphql", {"documentId": "unknown"}, headers) for headers in (JSON, NEWER, EVENTS)),
        ("/graphql", {"query": "mutation { logout(input: {}) { signedOut } }"}, JSON),
        *(("/graphql", {"query": SUBSCRIPTION}, headers) for headers in (JSON, EVENTS, MULTIPART)),
        *(
            (path, {}, {})
            for path in ("/", "/docs", "/redoc", "/openapi.json", "/health/live", "/health/ready")
        ),
        *(
            (path, {}, {})
            for path in ("/api/v1/products", "/api/v1/orders", "/api/v1/products/1", "/nothing")
        ),
        ("/playground/static/playground.js", {}, {}),
        ("/metrics", {}, {}),
    ],
)
async def test_head_is_as_get(
    serve: Serve, path: str, params: dict[str, str], headers: dict[str, str]
) -> None:
    live = await serve(metrics=True)
    address = f"http://127.0.0.1:{live.port}"
    async with httpx.AsyncClient(base_url=address, timeout=SECONDS, headers=headers) as http:
        told = []
        for method in ("GET", "HEAD", "HEAD"):
            async with http.stream(method, path, params=params) as answer:
                if method == "HEAD":
                    assert await answer.aread() == b""
                shown = {name: value for name, value in answer.headers.items() if name not in OWN}
                if path == "/metrics":
                    del shown["content-length"]
                told.append((answer.status_code, shown))
        assert told[0] == told[1] == told[2]
        assert told[0][0] != 405 or "mutation" in str(params)


async def test_other_methods_are_told_of_it(serve: Serve) -> None:
    live = await serve()
    answer = await live.client.rest.put("/graphql")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
