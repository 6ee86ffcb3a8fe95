"""The short way of the usual read: a GET with plain parameters goes straight to its endpoint.

FastAPI matches the address against one route after the other, twice, and asks Pydantic about each parameter. Here
the address is looked up and the parameters are read by hand. Whatever is not plain (a parameter that is missing,
empty, repeated, or not simply a number, a word of the enum, …) takes the long way, before any resolver has run, so
that each refusal is worded in one place only. The endpoints, their signatures and their documents are FastAPI's.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from types import UnionType
from typing import Annotated, Any, NoReturn, TypeGuard, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from fastapi.params import Depends, Param, Path, Query
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from graph.resolvers.context import Context, make_context
from rest.v1.dependencies import get_context
from rest.v1.schemas.fields import Truth, WholeNumber

#: Digits of a number that is surely no more than 64 bits.
PLAIN_DIGITS = 18

#: Turns the text of a parameter into its value; raises whatever it likes where that is not plain.
Reader = Callable[[str], Any]
#: Calls something with what it asks for.
Call = Callable[[Scope, dict[str, Any]], Awaitable[Any]]


class _NotPlainError(Exception):
    """The long way knows what to do."""


@dataclass(slots=True)
class _Read:
    """An endpoint that can be reached on the short way, and the readers of its parameters by name."""

    endpoint: Callable[..., Any]
    query: dict[str, Reader] = field(default_factory=dict)
    path: dict[str, Reader] = field(default_factory=dict)
    dependencies: set[Callable[..., Any]] = field(default_factory=set)
    call: Call = field(init=False)

    def __post_init__(self) -> None:
        """Bind the endpoint, or raise ``_NotPlainError``."""
        self.call = self._bind(self.endpoint)

    def _bind(self, function: Callable[..., Any]) -> Call:
        """Return what calls *function* with what its signature asks for.

        Raises:
            _NotPlainError: it asks for a body, a header, the request, or something else that is not known here.
        """
        if function in self.dependencies:
            raise _NotPlainError  # FastAPI would call it once for both who ask
        self.dependencies.add(function)
        if function is get_context:
            return _make_context
        hints = get_type_hints(function, include_extras=True)
        inner: list[tuple[str, Call]] = []
        plain: list[tuple[str, str, Any]] = []
        for name, parameter in inspect.signature(function).parameters.items():
            kind, *marks = _unfold(hints[name])
            mark = next((mark for mark in marks if isinstance(mark, Depends | Param)), None)
            if isinstance(mark, Depends) and mark.dependency:
                inner.append((name, self._bind(mark.dependency)))
            elif _is_plain(mark, parameter):
                place, alias = self.path if isinstance(mark, Path) else self.query, mark.alias or name
                place[alias] = _reader(kind, *[other for other in marks if other is not mark])
                plain.append((name, alias, parameter.default))
            else:
                raise _NotPlainError
        return partial(_call, function, tuple(inner), tuple(plain))


class Shortcut(BaseRoute):
    """A route in front of *routes* that answers what they would, where that is simple.

    Args:
        prefix: stands before the addresses of all routes.
        routes: FastAPI's; those that are no plain reads are passed over.
    """

    def __init__(self, prefix: str, routes: Iterable[BaseRoute]) -> None:
        self._exact: dict[str, _Read] = {}
        self._below: dict[str, _Read] = {}
        for route in routes:
            if isinstance(route, APIRoute) and route.methods == {"GET"}:
                self._add(prefix, route)

    def _add(self, prefix: str, route: APIRoute) -> None:
        base, _, last = (prefix + route.path).rpartition("/")
        try:
            read = _Read(route.endpoint)
        except _NotPlainError:
            return
        if not read.path:
            self._exact[prefix + route.path] = read
        elif [last] == [f"{{{name}}}" for name in read.path]:
            self._below[base] = read

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a plain read; what it needs is left in the scope."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return Match.NONE, {}
        address: str = scope["path"]
        read, last = self._exact.get(address), ""
        if read is None:
            base, _, last = address.rpartition("/")
            read = self._below.get(base)
        if read is None:
            return Match.NONE, {}
        try:
            values = _read_query(read, scope.get("query_string", b""))
            for name, reader in read.path.items():
                values[name] = reader(last)
        except (_NotPlainError, KeyError, ValueError):
            return Match.NONE, {}
        return Match.FULL, {"plain_read": read, "plain_values": values}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        response: Response = await scope["plain_read"].call(scope, scope["plain_values"])
        await response(scope, receive, send)


def _read_query(read: _Read, query: bytes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if not query:
        return values
    for name, text in _pairs(query.decode("latin-1")):
        reader = read.query.get(name)
        if reader is None:
            continue  # nobody asks for it
        if name in values or not text:
            raise _NotPlainError
        values[name] = reader(text)
    return values


def _pairs(query: str) -> Iterable[tuple[str, str]]:
    """Return names and values as Starlette reads them."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True)
    return [(name, text) for name, _, text in [pair.partition("=") for pair in query.split("&")]]


def _is_plain(mark: object, parameter: inspect.Parameter) -> TypeGuard[Param]:
    """Tell whether a parameter is part of the address, can be left out of a query, and has no further bounds."""
    if isinstance(mark, Query):
        return not mark.metadata and parameter.default is not parameter.empty
    return isinstance(mark, Path) and not mark.metadata


async def _make_context(scope: Scope, _: dict[str, Any]) -> Context:
    return await make_context(scope["app"].state.resources, scope["state"]["caller"])


async def _call(
    function: Callable[..., Awaitable[Any]],
    inner: tuple[tuple[str, Call], ...],
    plain: tuple[tuple[str, str, Any], ...],
    scope: Scope,
    values: dict[str, Any],
) -> Any:
    arguments = {name: values.get(alias, default) for name, alias, default in plain}
    for name, call in inner:
        arguments[name] = await call(scope, values)
    return await function(**arguments)


def _reader(kind: Any, *checks: Any) -> Reader:
    """Return the reader of a type, with the checks that it is annotated with.

    Raises:
        _NotPlainError: there is none, or there are checks that nobody knows here.
    """
    if get_origin(kind) in (Union, UnionType) and not checks:
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return _reader(*_unfold(kinds[0])) if len(kinds) == 1 else _refuse()
    if isinstance(kind, type) and issubclass(kind, Enum) and not checks:
        return {str(member.value): member for member in kind}.__getitem__
    return _READERS.get((kind, *checks)) or _refuse()


def _unfold(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > PLAIN_DIGITS:
        raise _NotPlainError
    return int(text)


def _refuse() -> NoReturn:
    raise _NotPlainError


_READERS: dict[tuple[Any, ...], Reader] = {
    _unfold(WholeNumber): _whole_number,
    _unfold(Truth): {"true": True, "false": False}.__getitem__,
    (str,): str,
}
