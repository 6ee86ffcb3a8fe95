"""Asks both APIs the same, and tells where v1's answer is another one than that made from GraphQL's."""

import re
from typing import Any

import httpx
import orjson

from core.errors import AppError, ValidationFailed
from core.resources import Resources
from core.security.tokens import TokenKind
from rest.v1 import routes
from rest.v1.twins import TWINS, Fields, V1Answer, V1Request
from tests.client import Client
from tests.rest.twin_cases import Case
from tests.rest.twin_shop import NEW_SINCE, TwinShop

#: Method and path, by operation id.
ADDRESSES = {str(route.operation_id): (min(route.methods or ()), route.path) for route in routes.routes}
#: The headers of v1's answers that an operation's answer has, and not the server's.
HEADERS = ("Location", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate")
#: With which v1 refuses who asks, before it looks at the shape of what is asked.
REFUSALS = {"NOT_AUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "ADMIN_REQUIRED"}
_TOKEN = re.compile(rb"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_TIME = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')


async def ask_v1(client: Client, operation_id: str, request: V1Request, token: str | None) -> httpx.Response:
    """Send a request to v1."""
    method, path = ADDRESSES[operation_id]
    headers = {name: text.encode() for name, text in request.headers.items()}
    if token:
        headers["Authorization"] = f"Bearer {token}".encode()
    options: dict[str, Any] = {"params": request.query, "headers": headers}
    if request.body is not None:
        options["json"] = request.body
    return await client.rest.request(method, path.format_map(request.path), **options)


async def ask_graphql(
    client: Client, operation_id: str, request: V1Request, token: str | None
) -> tuple[V1Answer, list[Fields]]:
    """Return v1's answer as the twin makes it, and what GraphQL answered for that."""
    twin = TWINS[operation_id]
    given: list[Fields] = []
    try:
        while (variables := twin.next_variables(request, given)) is not None:
            given.append((await client.graphql(twin.document, variables, token=token)).body)
    except ValidationFailed as error:
        return _refusal(error), given
    return twin.answer(request, given), given


def _refusal(error: AppError) -> V1Answer:
    return V1Answer(error.status, {"detail": error.message, "error_code": error.code.value})


def normal(content: bytes, resources: Resources) -> bytes:
    """Return an answer without what no two runs have in common: tokens, and times of what is new."""

    def whose(found: re.Match[bytes]) -> bytes:
        token = found[0].decode()
        for kind in TokenKind:
            try:
                return f"<{kind} token of user {resources.tokens.verify(token, kind).user_id}>".encode()
            except AppError:
                continue
        return found[0]

    def when(found: re.Match[bytes]) -> bytes:
        return b'"<now>"' if found[1].decode() >= f"{NEW_SINCE:%FT%TZ}" else found[0]

    return _TIME.sub(when, _TOKEN.sub(whose, content))


def shown_headers(response: httpx.Response) -> dict[str, str]:
    return {name: response.headers[name] for name in HEADERS if name in response.headers}


def differences(
    case: Case, response: httpx.Response, twin: V1Answer, given: list[Fields], resources: Resources
) -> list[str]:
    """Return how the two answers differ; nothing if they are the same.

    Of what is malformed, only the codes are compared: v1 may look before who asks, and refuse that. GraphQL's errors at
    the top level name no field.
    """
    if case.is_malformed:
        codes = {_code(response.content), _code(twin.content)}
        is_same = len(codes) == 1 and codes <= {*REFUSALS, "VALIDATION_ERROR"}
        return [] if is_same or codes - REFUSALS == {"VALIDATION_ERROR"} else [f"codes {codes}"]
    found = []
    if response.status_code != twin.status:
        found.append(f"status {response.status_code}, twin {twin.status}")
    headers = shown_headers(response)
    if headers != twin.headers:
        found.append(f"headers {headers}, twin {dict(twin.headers)}")
    ours, theirs = (normal(content, resources) for content in (response.content, twin.content))
    if given and "errors" in given[-1]:
        ours = re.sub(rb'"field":"[^"]*"', b'"field":""', ours)
    if ours != theirs:
        found.append(f"body {ours.decode()}\n  twin {theirs.decode()}")
    return found


def _code(content: bytes) -> Any:
    body = orjson.loads(content or b"{}")
    return body.get("error_code", "no error")


async def compare(shop: TwinShop, case: Case) -> tuple[list[str], str]:
    """Ask both; return how their answers differ, and what v1 answered: a code, or its status."""
    token = shop.tokens[case.viewer]
    await _prepare(shop, case, token)
    response = await ask_v1(shop.client, case.operation_id, case.request, token)
    await _prepare(shop, case, token)
    twin, given = await ask_graphql(shop.client, case.operation_id, case.request, token)
    found = differences(case, response, twin, given, shop.client.resources)
    kind = _code(response.content) if response.status_code >= 400 else str(response.status_code)
    return [f"{problem}\n  of {given}" for problem in found], kind


async def _prepare(shop: TwinShop, case: Case, token: str | None) -> None:
    await shop.restore()
    shop.is_changed = ADDRESSES[case.operation_id][0] != "GET"
    if case.is_repeated:
        await ask_v1(shop.client, case.operation_id, case.request, token)
        await shop.world.process(shop.orders[-1].id + 1 if shop.orders else 1)
