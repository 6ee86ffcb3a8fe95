"""The bytes of a request, on both faces: media types, codings, encodings, and headers that come twice."""

import gzip
from typing import Any

import httpx
import orjson
import pytest

from models import Order, OrderItem, Session, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.core.test_json_reader import REFUSED
from tests.factories import PASSWORD, make_product, make_user
from tests.rest.stock import Sent, ask

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OLDER, NEWER = "application/json", "application/graphql-response+json"
QUERY = b'{"query": "{ products { totalCount } }"}'
#: Every address that reads JSON, with a body that it takes.
BODIES = {
    "POST /graphql": QUERY,
    "POST /api/v1/auth/login": b'{"username": "ada@example.com", "password": "%s"}' % PASSWORD.encode(),
    "POST /api/v1/auth/refresh": b'{"refresh_token": "nobody\'s"}',
    "POST /api/v1/users": b'{"email": "new@example.com", "full_name": "New", "password": "long enough"}',
    "PATCH /api/v1/users/7": b'{"full_name": "Other"}',
    "POST /api/v1/orders": b'{"items": [{"product_id": 7, "quantity": 1}], "shipping_address": "1 Main Street"}',
}
#: What these answer.
ANSWERED = {200, 201}
each_reader = pytest.mark.parametrize("address", BODIES)


@pytest.fixture
async def ada(client: Client) -> dict[str, str]:
    """The headers of a user whose bodies above are taken."""
    user = await make_user(id=7, email="ada@example.com", is_admin=True)
    await make_product(id=7)
    return await client.headers(user)


async def send(client: Client, address: str, content: bytes, headers: Any) -> httpx.Response:
    method, _, path = address.partition(" ")
    return await client.rest.request(method, path, content=content, headers=headers)


def code(answer: httpx.Response) -> str:
    body = answer.json()
    found: str = body["errors"][0]["extensions"]["code"] if "detail" not in body else body["error_code"]
    return found


def is_taken(address: str, answer: httpx.Response) -> bool:
    """Tell whether the body was read; nobody has the refresh token that it names."""
    if address.endswith("/refresh"):
        return answer.status_code == 401
    return answer.status_code in ANSWERED and "errors" not in answer.json()


@each_reader
@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "APPLICATION/JSON;CHARSET=UTF-8",
        'application/json ; profile="a;b, c"',
        "application/json;",
    ],
)
async def test_json_is_json_in_either_case_and_with_any_parameters(
    client: Client, ada: dict[str, str], address: str, media_type: str
) -> None:
    answer = await send(client, address, BODIES[address], ada | {"Content-Type": media_type})
    assert is_taken(address, answer), answer.text


@each_reader
@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["text/plain"],
        ["multipart/form-data; boundary=x"],
        ["application/json-patch+json"],
        ["application/vnd.api+json"],
        ["application/jsonx"],
        ["application/json, text/plain"],
        ["text/plain; a=application/json"],
        ["application/json", "text/plain"],
        ["text/plain", "application/json"],
    ],
)
async def test_anything_else_is_an_unsupported_media_type(
    client: Client, ada: dict[str, str], address: str, lines: list[str]
) -> None:
    headers = [*ada.items(), *(("Content-Type", line) for line in lines)]
    answer = await send(client, address, BODIES[address], headers)
    assert (answer.status_code, code(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert answer.headers["Accept"].startswith("application/json")
    assert not await Order.exists()
    assert (await User.get(id=7)).full_name != "Other"


async def test_one_media_type_on_two_lines_is_one(client: Client) -> None:
    headers = [("Content-Type", "application/json"), ("content-type", "Application/JSON; charset=utf-8")]
    assert (await send(client, "POST /graphql", QUERY, headers)).json()["data"]


@each_reader
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip", "utf-8", "x-nothing"])
@pytest.mark.parametrize("compressed", [True, False])
async def test_an_encoded_body_is_refused_and_told_what_is_taken(
    client: Client, ada: dict[str, str], address: str, coding: str, compressed: bool
) -> None:
    body = gzip.compress(BODIES[address]) if compressed else BODIES[address]
    answer = await send(client, address, body, ada | JSON | {"Content-Encoding": coding})
    assert (answer.status_code, code(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert answer.headers["Accept-Encoding"] == "identity"
    assert not await Order.exists()


async def test_codings_on_several_lines_are_one_list(client: Client) -> None:
    headers = [*JSON.items(), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    answer = await send(client, "POST /graphql", QUERY, headers)
    assert (answer.status_code, code(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


@each_reader
@pytest.mark.parametrize("coding", ["identity", "Identity", "identity,", ""])
async def test_identity_is_no_coding(client: Client, ada: dict[str, str], address: str, coding: str) -> None:
    answer = await send(client, address, BODIES[address], ada | JSON | {"Content-Encoding": coding})
    assert is_taken(address, answer), answer.text


async def test_a_coding_of_no_body_is_nothing(client: Client) -> None:
    for length in ({}, {"Content-Length": "0"}):
        headers = {"Content-Encoding": "gzip"} | length
        assert (await client.rest.get("/api/v1/products", headers=headers)).status_code == 200


@each_reader
@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
async def test_json_is_read_alike_everywhere(
    client: Client, ada: dict[str, str], address: str, body: bytes
) -> None:
    answer = await send(client, address, body, ada | JSON)
    assert (answer.status_code, code(answer)) == (400 if "graphql" in address else 422, "VALIDATION_ERROR")


@each_reader
@pytest.mark.parametrize(
    "text", [b"NaN", b"-Infinity", b'"\\ud800"', b'"\xff"', b'"\xed\xa0\x80"'], ids=lambda text: repr(text)
)
async def test_a_field_that_nobody_reads_is_read_as_json_all_the_same(
    client: Client, ada: dict[str, str], address: str, text: bytes
) -> None:
    body = BODIES[address].removesuffix(b"}") + b', "more": ' + text + b"}"
    answer = await send(client, address, body, ada | JSON)
    assert (answer.status_code, code(answer)) == (400 if "graphql" in address else 422, "VALIDATION_ERROR")
    assert not await Order.exists()


@each_reader
async def test_a_byte_order_mark_is_skipped(client: Client, ada: dict[str, str], address: str) -> None:
    answer = await send(client, address, b"\xef\xbb\xbf" + BODIES[address], ada | JSON)
    assert is_taken(address, answer), answer.text
    utf16 = BODIES[address].decode().encode("utf-16")
    assert code(await send(client, address, utf16, ada | JSON)) == "VALIDATION_ERROR"


@pytest.mark.parametrize("variables", ['{"n": NaN}', '{"n": "\\ud800"}', "{"])
async def test_variables_in_an_address_are_json_too(client: Client, variables: str) -> None:
    parameters = {"query": "query($n: Int) { products(first: $n) { totalCount } }", "variables": variables}
    answer = await client.rest.get("/graphql", params=parameters, headers={"Accept": OLDER})
    assert (answer.status_code, code(answer)) == (400, "VALIDATION_ERROR")
    marked = await client.rest.get(
        "/graphql", params=parameters | {"variables": '\ufeff{"n": 1}'}, headers={"Accept": OLDER}
    )
    assert marked.json() == {"data": {"products": {"totalCount": 0}}}


#: What a client accepts, and the media type of what it gets.
ACCEPTED = [
    ("application/json", OLDER),
    ("Application/JSON", OLDER),
    ("application/graphql-response+json", NEWER),
    ("Application/GraphQL-Response+JSON", NEWER),
    ("application/graphql-response+json, application/json;q=0.9", NEWER),
    ("application/json, application/graphql-response+json", NEWER),
    ("application/json, application/graphql-response+json;q=0.9", OLDER),
    ("application/graphql-response+json;q=0, application/json", OLDER),
    ("application/graphql-response+json;q=0, */*", OLDER),
    ("application/json;q=0, */*", NEWER),
    ('text/plain;a="application/graphql-response+json", application/json', OLDER),
    ("application/*", OLDER),
    ("*/*", OLDER),
    ("image/png", OLDER),
    ("text/event-stream;q=0, application/json", OLDER),
    ("application/json, text/event-stream;q=0.5", OLDER),
    ('multipart/mixed;subscriptionSpec="1.0";q=0, application/json', OLDER),
    ("", OLDER),
]


@pytest.mark.parametrize(("accept", "media_type"), ACCEPTED)
async def test_answers_and_refusals_are_of_the_media_type_that_the_client_likes_best(
    client_with: ClientWith, accept: str, media_type: str
) -> None:
    client = await client_with(max_body_bytes=1_000, rate_limit_anonymous=10)
    headers = JSON | {"Accept": accept}
    sent: dict[str, tuple[bytes, dict[str, str]]] = {
        "an answer": (QUERY, headers),
        "not JSON": (b"{", headers),
        "no operation": (b'{"query": "{"}', headers),
        "a subscription": (b'{"query": "subscription { orderUpdated(id: 1) { id } }"}', headers),
        "an unknown document": (
            b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "%s"}}}' % (b"0" * 64),
            headers,
        ),
        "no media type": (QUERY, {"Accept": accept, "Content-Type": "text/plain"}),
        "encoded": (QUERY, headers | {"Content-Encoding": "gzip"}),
        "too large": (b" " * 1_001, headers),
    }
    for what, (body, headers) in sent.items():
        answer = await client.rest.post("/graphql", content=body, headers=headers)
        assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8", what
    refused = await client.rest.put("/graphql", content=QUERY, headers=headers)
    assert (refused.status_code, refused.headers["Content-Type"]) == (405, f"{media_type}; charset=utf-8")
    while (limited := await client.rest.post("/graphql", content=QUERY, headers=headers)).status_code != 429:
        pass
    assert limited.headers["Content-Type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize(
    "accept",
    [
        "text/event-stream",
        "Text/Event-Stream",
        "text/event-stream, application/json",
        "application/json;q=0.5, text/event-stream",
        "*/*, text/event-stream",
        "*/*;q=0.1, text/event-stream;q=0.2",
    ],
)
async def test_a_stream_goes_to_who_likes_it_best(client: Client, accept: str) -> None:
    answer = await client.rest.post("/graphql", content=QUERY, headers=JSON | {"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("TEXT/HTML", True),
        ("*/*", True),
        ("text/html;q=0, */*", False),
        ("text/html;q=0", False),
        ("application/json, text/html;q=0.5", False),
        ('application/json;a="text/html"', False),
        ("application/json", False),
        ("", False),
    ],
)
async def test_a_page_goes_to_who_likes_it_best(client: Client, accept: str, is_page: bool) -> None:
    answer = await client.rest.get("/graphql", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/html") == is_page
    # At the front door programs that take anything get JSON.
    home = await client.rest.get("/", headers={"Accept": accept})
    assert home.headers["Content-Type"].startswith("text/html") == (is_page and accept != "*/*")


@pytest.mark.parametrize("headers", [[("Accept", "text/html;q=0"), ("Accept", "application/json")]])
async def test_several_lines_are_one_list(client: Client, headers: list[tuple[str, str]]) -> None:
    answer = await client.rest.get("/graphql", headers=headers)
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    "form",
    [
        "username=zoë@example.com&password=пароль пароль".encode(),
        b"username=zo%C3%AB%40example.com&password=%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C+"
        b"%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C&scope=&client_id=",
    ],
    ids=["raw", "percent-encoded"],
)
async def test_a_form_is_utf8(client: Client, ada: dict[str, str], form: bytes) -> None:
    new = {"email": "zoë@example.com", "full_name": "Zoë", "password": "пароль пароль"}
    assert (await client.rest.post("/api/v1/users", json=new, headers=ada)).status_code == 201
    answer = await send(client, "POST /api/v1/auth/login", form, FORM)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "form",
    [
        "username=zoë@example.com&password=x".encode("latin-1"),
        "username=zoë@example.com&password=x".encode("utf-16"),
        b"username=zo%EB%40example.com&password=x",
        b"username=%ED%A0%80&password=x",
        b"username=ada@example.com&username=other@example.com&password=%s" % PASSWORD.encode(),
        b"username=ada@example.com&username=ada@example.com&password=%s" % PASSWORD.encode(),
        b"username=ada@example.com&password=%s&password=x" % PASSWORD.encode(),
        b"username=ada@example.com&password=%s&scope=a&scope=b" % PASSWORD.encode(),
    ],
)
async def test_a_form_of_other_bytes_or_with_a_field_twice_is_refused(
    client: Client, ada: dict[str, str], form: bytes
) -> None:
    before = await Session.all().count()
    answer = await send(client, "POST /api/v1/auth/login", form, FORM)
    assert (answer.status_code, code(answer)) == (422, "VALIDATION_ERROR")
    assert answer.json()["errors"][0]["field"] == "body"
    assert await Session.all().count() == before


async def test_a_field_of_a_form_without_a_value_is_left_out(client: Client, ada: dict[str, str]) -> None:
    answer = await send(client, "POST /api/v1/auth/login", b"username=ada@example.com&password=", FORM)
    assert answer.json()["errors"] == [{"field": "password", "message": "password is required"}]


async def place(client: Client, headers: dict[str, str], *keys: bytes) -> httpx.Response:
    sent = [(name.encode(), value.encode()) for name, value in (headers | JSON).items()]
    sent += [(b"Idempotency-Key", key) for key in keys]
    return await send(client, "POST /api/v1/orders", BODIES["POST /api/v1/orders"], sent)


@pytest.mark.parametrize(
    ("key", "forms"),
    [
        ("ключ", ["ключ", '"ключ"']),
        ("6f1c2d3e", ["6f1c2d3e", '"6f1c2d3e"', " 6f1c2d3e\t"]),
        ('a "b" \\c', ['"a \\"b\\" \\\\c"', 'a "b" \\c']),
        ("a, b;c=1", ["a, b;c=1", '"a, b;c=1"']),
    ],
)
async def test_a_key_is_one_key_however_it_is_written(
    client: Client, ada: dict[str, str], key: str, forms: list[str]
) -> None:
    mutation = """mutation($key: String!) { createOrder(input: {
        items: [{ productId: "UHJvZHVjdDo3", quantity: 1 }], shippingAddress: "1 Main Street", idempotencyKey: $key
    }) { replayed order { databaseId } errors { message } } }"""
    first = await client.rest.post(
        "/graphql", json={"query": mutation, "variables": {"key": key}}, headers=ada
    )
    payload = first.json()["data"]["createOrder"]
    assert payload["replayed"] is False
    for form in forms:
        again = await place(client, ada, form.encode())
        assert (again.status_code, again.json().get("id")) == (201, payload["order"]["databaseId"]), (
            again.text
        )
        assert again.headers["Idempotent-Replayed"] == "true"
    assert await Order.all().count() == 1


@pytest.mark.parametrize(
    "keys",
    [
        [b"a", b"b"],
        [b"a", b'"a"'],
        [b"a", b""],
        ["ключ".encode("cp1251")],
        [b"\xe9"],
        [b'"a'],
        [b'"a"b"'],
        [b'"a";b=1'],
        [b'"a", "b"'],
        [b'"a\\b"'],
        [b'""'],
        [b'" "'],
        [b'"'],
    ],
)
async def test_a_key_that_may_be_another_is_refused(
    client: Client, ada: dict[str, str], keys: list[bytes]
) -> None:
    answer = await place(client, ada, *keys)
    assert (answer.status_code, code(answer)) == (422, "VALIDATION_ERROR")
    assert answer.json()["errors"][0]["field"] == "idempotency_key"
    assert not await Order.exists()


async def test_the_same_key_twice_is_one(client: Client, ada: dict[str, str]) -> None:
    assert (await place(client, ada, b"a", b"a")).status_code == 201
    assert (await place(client, ada, b"a")).headers["Idempotent-Replayed"] == "true"


async def get_raw(client: Client, path: str, query: bytes) -> tuple[int, dict[bytes, bytes], Any]:
    """Send a query that no well-mannered client would; return status, headers and the parsed body."""
    sent = Sent("GET", path, query, [(b"accept", b"application/json")])
    status, headers, body = await ask(client.app, sent)
    return status, dict(headers), orjson.loads(body or b"null")


@pytest.mark.parametrize("text", ["zoë", "zo%C3%AB", "zo%c3%ab", "zo%c3%ab+"])
async def test_a_query_is_utf8_on_both_faces(client: Client, text: str) -> None:
    await make_product(name="Zoë's")
    _, _, answer = await get_raw(client, "/api/v1/products", f"search={text}".encode())
    assert answer["total"] == 1
    document = f'query={{products(filter:{{search:"{text}"}}){{totalCount}}}}'
    _, _, answer = await get_raw(client, "/graphql", document.encode())
    assert answer == {"data": {"products": {"totalCount": 1}}}


@pytest.mark.parametrize("text", [b"\xeb", b"%EB", b"%ED%A0%80", b"\xed\xa0\x80"])
async def test_a_query_of_other_bytes_is_refused(client: Client, text: bytes) -> None:
    status, _, answer = await get_raw(client, "/api/v1/products", b"other=%FF&search=zo" + text)
    assert status == 422
    assert answer["errors"] == [{"field": "search", "message": "search must be UTF-8"}]
    status, _, answer = await get_raw(client, "/api/v1/products", b"other=" + text)
    assert status == 200
    status, _, answer = await get_raw(client, "/graphql", b"query={__typename}&operationName=" + text)
    assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("text", ["é", "%C3%A9", "a+b&c=%26", "%FF"])
async def test_a_query_is_led_on_byte_by_byte(client: Client, text: str) -> None:
    status, headers, _ = await get_raw(client, "/api/v1/products/", f"search={text}".encode())
    location = f"/api/v1/products?search={text.replace('é', '%C3%A9')}"
    assert (status, headers[b"location"].decode()) == (307, location)


async def test_the_agent_of_a_session_is_read_as_utf8(client: Client, ada: dict[str, str]) -> None:
    for agent in ("Тандем/1.0".encode(), b"caf\xe9"):
        headers = [(b"User-Agent", agent), (b"Content-Type", b"application/json")]
        await send(client, "POST /api/v1/auth/login", BODIES["POST /api/v1/auth/login"], headers)
    document = {"query": "{ me { sessions { userAgent } } }"}
    answer = await client.rest.post("/graphql", json=document, headers=ada)
    agents = [session["userAgent"] for session in answer.json()["data"]["me"]["sessions"]]
    assert {"Тандем/1.0", "caf\ufffd"} <= set(agents)


@pytest.mark.parametrize("quantity", ["2.0", "2", "20e-1", "0.2e1", "2.000"])
async def test_an_integer_may_be_written_with_a_fraction_of_zero(
    client: Client, ada: dict[str, str], quantity: str
) -> None:
    body = b'{"items": [{"product_id": 7.0, "quantity": %s}], "shipping_address": "x"}' % quantity.encode()
    answer = await send(client, "POST /api/v1/orders", body, ada | JSON)
    assert answer.status_code == 201
    assert '"product_id":7,"quantity":2,' in answer.text
    assert [item.quantity for item in await OrderItem.all()] == [2]


@pytest.mark.parametrize(
    ("quantity", "status"),
    [
        ("2.5", 422),
        ('"2"', 422),
        ('"2.0"', 422),
        ("true", 422),
        ("1e400", 422),
        ("0.0", 400),
        ("-0.0", 400),
        ("1e300", 400),
    ],
)
async def test_what_is_no_integer_stays_none(
    client: Client, ada: dict[str, str], quantity: str, status: int
) -> None:
    body = b'{"items": [{"product_id": 7, "quantity": %s}], "shipping_address": "x"}' % quantity.encode()
    answer = await send(client, "POST /api/v1/orders", body, ada | JSON)
    assert answer.status_code == status
    assert not await Order.exists()
