"""Which signatures an endpoint of v1 may have; any other fails when its route is declared, not at a request."""

from collections.abc import Iterator
from enum import Enum
from inspect import iscoroutinefunction
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from pydantic import BaseModel
from starlette.responses import Response

from rest.v1.arguments import PLACES

#: What FastAPI could give, and nothing here can.
_UNREADABLE = (
    "cookie_params",
    "http_connection_param_name",
    "websocket_param_name",
    "response_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
)
#: What the text of a parameter can stand for.
_SCALARS = (str, int, Enum, NoneType)


class UnreadableSignature(TypeError):
    """An endpoint, or a dependency of one, asks for something that cannot be read, or returns no response."""


def check_signature(endpoint: Dependant) -> None:
    """Let pass what :class:`rest.v1.arguments.ArgumentReader` can read.

    That is: texts, numbers, truth values and enums of path, query and headers; one model as the endpoint's body; the
    request; and asynchronous functions that ask for these, each of them once. An endpoint returns a response.

    Raises:
        UnreadableSignature: *endpoint* does not keep to that.
    """
    asked: set[Any] = set()
    pending = [endpoint]
    while pending:
        dependant = pending.pop()
        if problem := _problem(dependant, asked) or _body_problem(
            dependant, is_endpoint=dependant is endpoint
        ):
            raise UnreadableSignature(f"{_name(endpoint)}: {_name(dependant)} {problem}")
        asked.add(dependant.call)
        pending += dependant.dependencies
    returned = get_type_hints(endpoint.call).get("return")
    if not (isinstance(returned, type) and issubclass(returned, Response)):
        raise UnreadableSignature(f"{_name(endpoint)} is not declared to return a response")


def _problem(dependant: Dependant, asked: set[Any]) -> str | None:
    """Return what keeps a signature from being read, apart from its body and its dependencies' own."""
    if not iscoroutinefunction(dependant.call):
        return "is not a coroutine function"
    if dependant.call in asked:
        return "is asked for twice"  # FastAPI would call it once
    if any(child.name is None for child in dependant.dependencies):
        return "has a dependency that is no parameter"
    if kinds := [kind for kind in _UNREADABLE if getattr(dependant, kind)]:
        return f"asks for {', '.join(kinds)}"
    for field in [field for declared in PLACES.values() for field in getattr(dependant, declared)]:
        if not all(issubclass(kind, _SCALARS) for kind in _kinds(field.field_info.annotation)):
            return f"asks for {field.name}, which is no text, number, truth value or enum"
        if field.field_info.validation_alias not in (None, field.alias):
            return f"asks for {field.name} by several names"
    return None


def _body_problem(dependant: Dependant, *, is_endpoint: bool) -> str | None:
    for number, field in enumerate(dependant.body_params):
        if number or not is_endpoint:
            return "asks for a body, of which an endpoint can have one"
        info: Any = field.field_info
        is_model = all(issubclass(kind, BaseModel) for kind in _kinds(info.annotation))
        if not is_model or info.embed or isinstance(info, Form):
            return "asks for a body that is not a whole model"
    return None


def _kinds(annotation: Any) -> Iterator[type]:
    """Yield the classes that *annotation* allows; ``object`` for what is not a class."""
    if get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for choice in get_args(annotation):
            yield from _kinds(choice)
    else:
        yield annotation if isinstance(annotation, type) else object


def _name(dependant: Dependant) -> str:
    return getattr(dependant.call, "__qualname__", repr(dependant.call))
