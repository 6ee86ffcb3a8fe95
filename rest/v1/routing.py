"""The routes of v1: FastAPI declares and documents them, one class reads what they ask for, one table finds them."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.deadline import within_deadline
from core.errors import AppError, DeadlineExceeded, Problem, ValidationFailed
from rest.v1.arguments import ArgumentReader, Inputs, read_inputs
from rest.v1.bodies import MISSING, BodyReader, ReadBy, read_json
from rest.v1.errors import render_error
from rest.v1.signatures import check_signature

PREFIX = "/api/v1"

#: Headers as ASGI has them: names in lower case, and values.
RawHeaders = tuple[tuple[bytes, bytes], ...]


class Route(APIRoute):
    """A route whose endpoint is called with what its signature asks for, read by :class:`ArgumentReader`.

    Raises:
        UnreadableSignature: the endpoint's signature cannot be read.
    """

    _call: Callable[[Inputs, list[Problem]], Coroutine[Any, Any, Any]]
    _read_body: BodyReader | None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return :meth:`respond`, once it is known what the endpoint asks for."""
        check_signature(self.dependant)
        self._call = ArgumentReader(self.dependant).call
        self._read_body = self._body_reader()
        return self.respond

    async def respond(self, request: Request) -> Response:
        """Return what the endpoint answers, or the error that it or the reading of its arguments ends in."""
        problems: list[Problem] = []
        try:
            body = MISSING if self._read_body is None else await self._read_body(request)
            response: Response = await self._call(read_inputs(request, body), problems)
        except AppError as error:
            return render_error(error)
        return render_error(ValidationFailed(*problems)) if problems else response

    def _body_reader(self) -> BodyReader | None:
        if not self.dependant.body_params:
            return None
        marks = self.dependant.body_params[0].field_info.metadata
        return next((mark.read for mark in marks if isinstance(mark, ReadBy)), read_json)


#: The routes of one address, by method.
Routes = dict[str, Route]


@dataclass(slots=True)
class _Node:
    """What an address has led to so far: the parts that may follow, and the routes if it ends here."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    routes: Routes = field(default_factory=dict)

    def add(self, part: str) -> "_Node":
        """Return what *part* of a path leads to."""
        if not part.startswith("{"):
            return self.literals.setdefault(part, _Node())
        self.parameter = self.parameter or _Node()
        return self.parameter


class RouteTable(BaseRoute):
    """Finds the route of a method and an address part by part, instead of trying one route after the other.

    HEAD is answered wherever GET is (RFC 9110 section 9.3.2).

    Args:
        routes: each part of their paths is literal or a parameter in braces; where both fit, the literal wins.

    Raises:
        TypeError: one of them is not a :class:`Route`.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self.routes: list[Route] = []
        #: What all answers of an operation have beside their own headers, by its id.
        self.headers: Mapping[str, RawHeaders] = {}
        self._literal: dict[str, Routes] = {}
        self._root = _Node()
        for route in routes:
            if not isinstance(route, Route):
                raise TypeError(f"{route!r} is no Route of v1")
            self.routes.append(route)
            node = self._root
            for part in route.path.split("/"):
                node = node.add(part)
            node.routes |= dict.fromkeys(route.methods or (), route)
            if not route.param_convertors:
                self._literal[route.path] = node.routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match an address in full if it has a route for the method, in part if it has others."""
        if scope["type"] != "http":
            return Match.NONE, {}
        routes, texts = self._find(_path_of(scope))
        method = scope["method"]
        route = routes.get("GET" if method == "HEAD" else method)
        if route is None:
            return (Match.PARTIAL if routes else Match.NONE), {"route": None}
        path_params = dict(zip(route.param_convertors, texts, strict=True)) if texts else {}
        return Match.FULL, {"route": route, "path_params": path_params}

    def _find(self, path: str) -> tuple[Routes, list[str]]:
        """Return the routes of an address, none if it is unknown, and the texts of its parameters."""
        routes = self._literal.get(path)
        if routes is not None:
            return routes, []
        node, texts = self._root, []
        for part in path.split("/"):
            following = node.literals.get(part)
            if following is None:
                following = node.parameter
                if following is None or not part:
                    return {}, []
                texts.append(part)
            node = following
        return node.routes, texts

    def in_front_of(self, app: ASGIApp) -> ASGIApp:
        """Return an application that answers what these routes match in full, and leaves everything else to *app*.

        It goes past FastAPI's middleware and router, which take longer than a route's own work.
        """

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            match, child_scope = self.matches(scope)
            if match is Match.FULL:
                scope.update(child_scope)
                state, operation = scope["state"], child_scope["route"].operation_id
                state["operation"] = operation
                # The request log writes them, so that errors, which may be its own, have them too.
                state["answer_headers"] = (*state.get("answer_headers", ()), *self.headers.get(operation, ()))
                scope["app"].state.resources.usage.count(state["caller"].client_name, (operation,))
                await self.handle(scope, receive, send)
            else:
                await app(scope, receive, send)

        return answer

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what was matched, within the deadline.

        Raises:
            HTTPException: there is no route for the method (405).
        """
        route: Route | None = scope["route"]
        if route is None:
            raise HTTPException(405)
        # Not by way of route.app, which opens two exit stacks for dependencies that clean up: there are none.
        work = route.respond(Request(scope, receive))
        try:
            response = await within_deadline(scope["app"].state.resources.settings.deadline_seconds, work)
        except DeadlineExceeded as error:
            response = render_error(error)
        await response(scope, receive, _without_body(send) if scope["method"] == "HEAD" else send)


def _path_of(scope: Scope) -> str:
    """Return the address below the path at which the application is mounted."""
    path: str = scope["path"]
    mounted_at: str = scope.get("root_path", "")
    if mounted_at and f"{path}/".startswith(f"{mounted_at}/"):
        return path.removeprefix(mounted_at)
    return path


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head
