"""Documents named instead of sent: Apollo's automatic persisted queries, and trusted documents."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from core.errors import PersistedQueryNotFound, ValidationFailed
from core.settings import Settings, SettingsError, load_settings
from core.trusted_documents import read_manifest
from engine.redis import create_redis
from graph.endpoint import documents
from graph.endpoint.documents import PersistedDocuments
from tests.client import Client
from tests.conftest import ClientWith
from tests.graph.conftest import Serve
from tests.servers import own_valkey

pytestmark = pytest.mark.anyio

QUERY = "query Count { products { totalCount } }"
OTHER = "{ products { pageInfo { hasNextPage } } }"
EMPTY = {"data": {"products": {"totalCount": 0}}}
JSON = {"Accept": "application/json"}
NEW_TYPE = "application/graphql-response+json"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def named(text: str, **persisted: Any) -> dict[str, Any]:
    """Return the extensions that name *text*."""
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text)} | persisted}


async def post(client: Client, accept: str = "application/json", **body: Any) -> httpx.Response:
    return await client.rest.post("/graphql", json=body, headers={"Accept": accept})


async def get(client: Client, **parameters: Any) -> httpx.Response:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in parameters.items()}
    return await client.rest.get("/graphql", params=texts, headers={"Accept": "*/*"})


def code(response: httpx.Response) -> str:
    found: str = response.json()["errors"][0]["extensions"]["code"]
    return found


async def test_a_document_is_known_once_it_was_sent_with_its_hash(client: Client) -> None:
    unknown = await post(client, extensions=named(QUERY))
    assert unknown.status_code == 200
    assert unknown.json() == {
        "errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]
    }
    assert (await post(client, query=QUERY, extensions=named(QUERY))).json() == EMPTY
    assert (await post(client, extensions=named(QUERY))).json() == EMPTY
    assert (await post(client, query="", extensions=named(QUERY))).json() == EMPTY


async def test_the_newer_media_type_tells_it_by_the_status_too(client: Client) -> None:
    unknown = await post(client, NEW_TYPE, extensions=named("{ me { id } }"))
    assert (unknown.status_code, code(unknown)) == (404, "PERSISTED_QUERY_NOT_FOUND")
    assert unknown.headers["content-type"].startswith(NEW_TYPE)


async def test_queries_may_be_named_in_an_address(client: Client) -> None:
    assert code(await get(client, extensions=named(OTHER))) == "PERSISTED_QUERY_NOT_FOUND"
    assert (await get(client, query=OTHER, extensions=named(OTHER))).json()["data"]
    assert (await get(client, extensions=named(OTHER))).json()["data"]


async def test_a_mutation_may_be_named_but_not_by_get(client: Client) -> None:
    mutation = "mutation { logout(input: {}) { signedOut } }"
    await post(client, query=mutation, extensions=named(mutation))
    assert code(await post(client, extensions=named(mutation))) == "NOT_AUTHENTICATED"
    by_get = await get(client, extensions=named(mutation))
    assert (by_get.status_code, code(by_get)) == (405, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "extensions",
    [
        named(QUERY, sha256Hash=digest(OTHER)),
        named(QUERY, sha256Hash=1),
        named(QUERY, sha256Hash=""),
        named(QUERY, version=2),
        {"persistedQuery": "x"},
        {"persistedQuery": {}},
    ],
)
async def test_a_hash_that_is_not_the_documents_is_refused(
    client: Client, extensions: dict[str, Any]
) -> None:
    document = "query Refused { products { totalCount } }"
    assert code(await post(client, query=document, extensions=extensions)) == "VALIDATION_ERROR"
    assert code(await post(client, extensions=named(document))) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("hash_", ["a", "../../etc/passwd", "A" * 64, "é" * 64, "0" * 65, "0" * 500_000])
async def test_what_cannot_be_a_hash_is_not_looked_for(client: Client, hash_: str) -> None:
    assert code(await post(client, extensions=named("", sha256Hash=hash_))) == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "{ nonsense }",
        "{ products(first: 1) }",
        "{ " + "a: __typename " * 2 + "x }",
        "query { me { id } ",
    ],
)
async def test_only_valid_documents_are_kept(client: Client, document: str) -> None:
    assert code(await post(client, query=document, extensions=named(document))) == "VALIDATION_ERROR"
    assert code(await post(client, extensions=named(document))) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_document_over_a_limit_is_not_kept_and_a_kept_one_is_still_held_to_them(
    client: Client,
) -> None:
    document = (
        "query($n: Int) { users(first: $n) { nodes { orders(first: $n) { nodes { shippingAddress } } } } }"
    )
    big = await post(client, query=document, variables={"n": 100}, extensions=named(document))
    assert "cost" in big.json()["errors"][0]["message"]
    assert code(await post(client, extensions=named(document))) == "PERSISTED_QUERY_NOT_FOUND"
    await post(client, query=document, variables={"n": 1}, extensions=named(document))
    assert code(await post(client, variables={"n": 1}, extensions=named(document))) == "NOT_AUTHENTICATED"
    big = await post(client, variables={"n": 100}, extensions=named(document))
    assert "cost" in big.json()["errors"][0]["message"]


async def test_another_process_knows_the_document_too(client: Client, client_with: ClientWith) -> None:
    other = await client_with()
    await post(client, query=QUERY, extensions=named(QUERY))
    assert (await post(other, extensions=named(QUERY))).json() == EMPTY


async def test_a_socket_and_a_stream_may_name_documents(serve: Serve) -> None:
    live = await serve()
    socket = await live.socket()
    await socket.init()
    await socket.send("subscribe", id="1", payload={"extensions": named(QUERY)})
    refused = await socket.receive()
    assert (refused["type"], refused["payload"][0]["message"]) == ("error", "PersistedQueryNotFound")
    stream = await live.client.rest.post(
        "/graphql",
        json={"query": QUERY, "extensions": named(QUERY)},
        headers={"Accept": "text/event-stream"},
    )
    assert "totalCount" in stream.text
    await socket.send("subscribe", id="2", payload={"extensions": named(QUERY)})
    assert (await socket.receive())["payload"] == EMPTY
    assert (await socket.receive())["type"] == "complete"


async def test_while_redis_is_away_a_document_is_known_to_its_process_only(settings: Settings) -> None:
    with own_valkey() as server:
        redis = create_redis(server.url())
        one = PersistedDocuments(redis, {}, only_trusted=False)
        two = PersistedDocuments(redis, {}, only_trusted=False)
        server.stop()
        await one.keep(QUERY)
        assert await one.find(None, named(QUERY)) == QUERY
        with pytest.raises(PersistedQueryNotFound):
            await two.find(None, named(QUERY))
        await redis.aclose()


async def test_neither_a_process_nor_redis_can_be_filled(client: Client) -> None:
    redis: Redis = client.resources.redis
    texts = [f"query Q{number} {{ me {{ id }} }}" for number in range(10, 40)]
    eight = 8 * sys.getsizeof(texts[0])
    persisted = PersistedDocuments(redis, {}, only_trusted=False, max_text_bytes=eight, max_shared=10)
    for text in texts:
        await persisted.keep(text)
    assert len(await redis.keys("tandem:documents:*")) == 10
    assert await redis.zcard("tandem:documents") == 10
    assert await persisted.find(None, named(texts[-1])) == texts[-1]
    # One that this process has let go of is found in Redis, as long as it is there.
    assert await persisted.find(None, named(texts[-10])) == texts[-10]
    with pytest.raises(PersistedQueryNotFound):
        await persisted.find(None, named(texts[0]))
    assert 0 < await redis.ttl(f"tandem:documents:{digest(texts[-1])}") <= documents.SHARED_SECONDS
    # Without Redis a process has the eight that it was asked for last.
    await redis.flushdb()
    for text in (texts[-10], *texts[-7:]):
        assert await persisted.find(None, named(text)) == text
    with pytest.raises(PersistedQueryNotFound):
        await persisted.find(None, named(texts[-8]))


async def test_a_document_too_long_to_keep_is_run_all_the_same(client: Client) -> None:
    document = QUERY + "#" * documents.MAX_KEPT_CHARACTERS
    assert (await post(client, query=document, extensions=named(document))).json() == EMPTY
    assert code(await post(client, extensions=named(document))) == "PERSISTED_QUERY_NOT_FOUND"


# Trusted documents


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "persisted-documents.json"
    # graphql-codegen names documents by SHA-1 unless told otherwise.
    path.write_text(json.dumps({digest(QUERY): QUERY, hashlib.sha1(OTHER.encode()).hexdigest(): OTHER}))
    return path


def trusting(path: Path, **more: object) -> dict[str, object]:
    return {"trusted_documents": path, **more}


async def test_a_trusted_document_is_run_by_its_id(client_with: ClientWith, manifest: Path) -> None:
    client = await client_with(**trusting(manifest))
    for name in (digest(QUERY), f"sha256:{digest(QUERY)}"):
        assert (await post(client, documentId=name)).json() == EMPTY
        assert (await get(client, documentId=name)).json() == EMPTY
    assert (await post(client, extensions=named(QUERY))).json() == EMPTY
    sha1 = hashlib.sha1(OTHER.encode()).hexdigest()
    assert (await post(client, documentId=sha1)).json()["data"]
    # Others are run as well, unless the server is told otherwise.
    assert (await post(client, query="{ products { totalCount } }")).json() == EMPTY
    assert code(await post(client, documentId="unknown")) == "PERSISTED_QUERY_NOT_FOUND"


async def test_an_id_is_a_string_and_comes_alone(client_with: ClientWith, manifest: Path) -> None:
    client = await client_with(**trusting(manifest))
    for request in (
        {"documentId": 1},
        {"documentId": digest(QUERY), "query": QUERY},
        {"documentId": [QUERY]},
    ):
        assert code(await post(client, **request)) == "VALIDATION_ERROR"


STRANGE = "{ products { nodes { id } } }"


@pytest.mark.parametrize(
    "request_",
    [
        {"query": STRANGE},
        {"query": "{ __schema { types { name } } }"},
        {"query": "{ __typename }"},
        {"query": QUERY + " "},
        {"query": STRANGE, "extensions": named(STRANGE)},
        {"extensions": named(STRANGE)},
        {"documentId": digest(STRANGE)},
        {"documentId": "sha256:"},
        {"query": "{"},
    ],
)
async def test_a_server_told_so_runs_nothing_else(
    serve: Serve, manifest: Path, request_: dict[str, Any]
) -> None:
    live = await serve(**trusting(manifest, graphql_only_trusted=True))
    client = live.client
    old, new = await post(client, **request_), await post(client, NEW_TYPE, **request_)
    assert [old.status_code, new.status_code] == [200, 403]
    assert {code(old), code(new)} == {"DOCUMENT_NOT_TRUSTED"}
    assert code(await get(client, **request_)) == "DOCUMENT_NOT_TRUSTED"
    socket = await live.socket()
    await socket.init()
    await socket.send("subscribe", id="1", payload=request_)
    assert (await socket.receive())["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
    for accept in ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0, application/json"):
        assert code(await post(client, accept, **request_)) == "DOCUMENT_NOT_TRUSTED"
    # Nothing of it was kept, and what is trusted goes on.
    assert await client.resources.redis.keys("tandem:documents*") == []
    await socket.send("subscribe", id="2", payload={"documentId": digest(QUERY)})
    assert (await socket.receive())["payload"] == EMPTY
    assert (await post(client, query=QUERY)).json() == EMPTY


def test_both_forms_of_manifest_are_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(
        json.dumps(
            {
                "format": "apollo-persisted-query-manifest",
                "version": 1,
                "operations": [{"id": "1", "name": "Count", "type": "query", "body": QUERY}],
            }
        )
    )
    assert read_manifest(path) == {"1": QUERY}
    path.write_text(json.dumps({"a": QUERY}))
    assert read_manifest(path) == {"a": QUERY}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "must hold an object"),
        (b'{"a": 1}', "must hold an object"),
        (b'{"operations": [1]}', "needs an id and a body"),
        (b'{"operations": [{"id": "a"}]}', "needs an id and a body"),
    ],
)
def test_a_manifest_that_is_none_stops_the_start_with_a_sentence(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=sentence) as refused:
        load_settings(trusted_documents=path)
    assert str(refused.value).startswith("TANDEM_TRUSTED_DOCUMENTS: ")


def test_to_trust_some_documents_only_needs_some() -> None:
    with pytest.raises(SettingsError, match="TANDEM_GRAPHQL_ONLY_TRUSTED needs TANDEM_TRUSTED_DOCUMENTS"):
        load_settings(graphql_only_trusted=True)


async def test_a_request_names_one_document(client: Client) -> None:
    persisted = PersistedDocuments(client.resources.redis, {"id": QUERY}, only_trusted=False)
    with pytest.raises(ValidationFailed):
        await persisted.find(OTHER, None, "id")
    assert await persisted.find(None, None) is None
