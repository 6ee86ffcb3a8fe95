"""Which route answers, and which declarations are refused when the application starts."""

# mypy: disable-error-code="empty-body"

from typing import Annotated, Any

import httpx
import pytest
from fastapi import (
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    FastAPI,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
)
from fastapi.routing import APIRoute
from pydantic import AliasChoices, BaseModel

from core.errors import Problem, ValidationFailed
from core.resources import Resources
from core.settings import load_settings
from rest.v1.errors import install_error_handlers
from rest.v1.json_response import JsonResponse
from rest.v1.routing import Route, RouteTable
from rest.v1.signatures import UnreadableSignature
from tests.conftest import SECRET
from tests.rest.stock import Sent, ask, echoes

pytestmark = pytest.mark.anyio


def answering(text: str) -> Any:
    async def endpoint(request: Request) -> JsonResponse:
        return JsonResponse([text, request.path_params])

    return endpoint


async def get(table: RouteTable, method: str, path: str, *, root_path: str = "") -> httpx.Response:
    app = FastAPI(openapi_url=None)
    app.state.resources = Resources(load_settings(secret_key=SECRET))  # for the deadline
    app.router.routes.append(table)
    install_error_handlers(app)
    transport = httpx.ASGITransport(app=app, root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://tandem.test") as client:
        return await client.request(method, path)


TABLE = RouteTable(
    [
        Route("/a", answering("list"), methods=["GET"]),
        Route("/a", answering("create"), methods=["POST"]),
        Route("/a/{id}", answering("one"), methods=["GET", "DELETE"]),
        Route("/a/new", answering("literal"), methods=["GET"]),
        Route("/a/{id}/b/{other}", answering("nested"), methods=["GET"]),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/a", ["list", {}]),
        ("POST", "/a", ["create", {}]),
        ("GET", "/a/1", ["one", {"id": "1"}]),
        ("DELETE", "/a/new%20one", ["one", {"id": "new one"}]),
        ("GET", "/a/new", ["literal", {}]),
        ("GET", "/a/1/b/2", ["nested", {"id": "1", "other": "2"}]),
        ("GET", "/a/b/b/b", ["nested", {"id": "b", "other": "b"}]),
    ],
)
async def test_the_route_of_the_method_and_the_address_answers(
    method: str, path: str, answer: object
) -> None:
    assert (await get(TABLE, method, path)).json() == answer


@pytest.mark.parametrize("path", ["/", "/a/", "/A", "/b", "/a/1/b", "/a//b/2", "/a/1/b/", "/a/1/c/2", "/x/a"])
async def test_no_other_address_is_found(path: str) -> None:
    answer = await get(TABLE, "GET", path)
    assert answer.status_code in (404, 307)


async def test_a_method_that_is_not_there_names_those_that_are() -> None:
    for method, path, allowed in (
        ("PATCH", "/a", "GET, HEAD, POST"),
        ("POST", "/a/1", "DELETE, GET, HEAD"),
    ):
        answer = await get(TABLE, method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_it_serves_below_the_path_at_which_the_application_is_mounted() -> None:
    assert (await get(TABLE, "GET", "/shop/a", root_path="/shop")).json() == ["list", {}]
    assert (await get(TABLE, "GET", "/shop/a/1", root_path="/shop")).json() == ["one", {"id": "1"}]
    # Some servers leave the mount's path out of the address.
    assert (await get(TABLE, "GET", "/a", root_path="/shop")).json() == ["list", {}]
    assert (await get(TABLE, "GET", "/a/new", root_path="/a/n")).json() == ["literal", {}]
    assert (await get(TABLE, "GET", "/a", root_path="/a")).status_code == 404


async def test_head_is_get_without_the_body_in_errors_too(resources: Resources) -> None:
    app, _ = echoes(resources)
    for path, status in (("/products", 200), ("/products/x", 422), ("/orders", 401)):
        whole = await ask(app, Sent("GET", f"/api/v1{path}"))
        assert whole[0] == status
        # A server may drop the body itself, as clients of tests do: this asks the application.
        assert await ask(app, Sent("HEAD", f"/api/v1{path}")) == (status, whole[1], b"")


def test_a_table_takes_its_own_routes_only() -> None:
    with pytest.raises(TypeError, match="no Route of v1"):
        RouteTable([APIRoute("/a", answering("stock"))])


class Model(BaseModel):
    """A body."""


async def inner(model: Model) -> None: ...


async def shared(page: Annotated[int, Query()] = 1) -> None: ...


async def asks_shared(one: Annotated[None, Depends(shared)]) -> None: ...


def blocking() -> None: ...


async def two_bodies(one: Model, other: Model) -> Response: ...
async def a_body_of_a_dependency(one: Annotated[None, Depends(inner)]) -> Response: ...
async def a_form(one: Annotated[Model, Form()]) -> Response: ...
async def a_part_of_a_body(one: Annotated[Model, Body(embed=True)]) -> Response: ...
async def a_list_as_body(one: list[Model]) -> Response: ...
async def a_choice_of_names(
    one: Annotated[str, Query(validation_alias=AliasChoices("a", "b"))],
) -> Response: ...
async def a_cookie(one: Annotated[str, Cookie()]) -> Response: ...
async def a_list(one: Annotated[list[str], Query()]) -> Response: ...
async def a_model_of_parameters(one: Annotated[Model, Query()]) -> Response: ...
async def a_list_of_headers(one: Annotated[list[str] | None, Header()] = None) -> Response: ...
async def the_response(one: Response) -> Response: ...
async def background_tasks(one: BackgroundTasks) -> Response: ...
async def a_blocking_dependency(one: Annotated[None, Depends(blocking)]) -> Response: ...
async def a_dependency_twice(
    one: Annotated[None, Depends(shared)], other: Annotated[None, Depends(asks_shared)]
) -> Response: ...
async def returns_no_response() -> dict[str, str]: ...
async def says_nothing_of_what_it_returns(): ...  # type: ignore[no-untyped-def]
def is_blocking() -> Response: ...


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        (two_bodies, "two_bodies asks for a body, of which an endpoint can have one"),
        (a_form, "asks for a body that is not a whole model"),
        (a_part_of_a_body, "asks for a body that is not a whole model"),
        (a_list_as_body, "asks for a body that is not a whole model"),
        (a_choice_of_names, "asks for one by several names"),
        (a_body_of_a_dependency, "inner asks for a body"),
        (a_cookie, "asks for cookie_params"),
        (a_list, "asks for one, which is no text"),
        (a_model_of_parameters, "asks for one, which is no text"),
        (a_list_of_headers, "asks for one, which is no text"),
        (the_response, "asks for response_param_name"),
        (background_tasks, "asks for background_tasks_param_name"),
        (a_blocking_dependency, "blocking is not a coroutine function"),
        (a_dependency_twice, "shared is asked for twice"),
        (returns_no_response, "not declared to return a response"),
        (says_nothing_of_what_it_returns, "not declared to return a response"),
        (is_blocking, "is not a coroutine function"),
    ],
)
def test_a_route_that_nothing_can_read_fails_when_it_is_declared(endpoint: Any, sentence: str) -> None:
    with pytest.raises(UnreadableSignature, match=sentence):
        Route("/here", endpoint)


def test_a_dependency_that_is_no_parameter_fails_when_it_is_declared() -> None:
    with pytest.raises(UnreadableSignature, match="has a dependency that is no parameter"):
        Route("/here", answering("x"), dependencies=[Depends(shared)])


async def test_bounds_are_checked_and_a_failed_dependency_is_not_called() -> None:
    called: list[int] = []

    async def counted(size: Annotated[int, Query(ge=1, le=9)] = 3) -> int:
        called.append(size)
        return size

    async def refused(many: Annotated[int, Query()] = 0) -> None:
        if many:
            raise ValidationFailed(Problem(("many",), "many is too much"))

    async def endpoint(
        one: Annotated[str, Path()],
        size: Annotated[int, Depends(counted)],
        other: Annotated[None, Depends(refused)],
        must: Annotated[str, Query()],
    ) -> JsonResponse:
        return JsonResponse([one, size, must])

    table = RouteTable([Route("/{one}", endpoint)])

    async def fields(query: str) -> Any:
        answer = (await get(table, "GET", f"/x?{query}")).json()
        return [problem["field"] for problem in answer["errors"]] if "errors" in answer else answer

    assert await fields("must=y") == ["x", 3, "y"]
    assert await fields("size=9&must=") == ["x", 9, ""]
    assert called == [3, 9]
    assert await fields("size=10") == ["size", "must"]
    assert await fields("size=0&many=1") == ["many"]
    assert called == [3, 9]
