"""Reads the arguments of an endpoint from a request, as the endpoint's signature declares them.

FastAPI reads the signature when the route is declared (``Dependant``), and Pydantic validates each value. In between,
FastAPI's ``solve_dependencies`` finds out at every request anew what kind each parameter is of; here that is done
once. The order of checks is FastAPI's: the body is parsed first, then come the dependencies, each with its own
parameters, then path, query, headers and the body's shape.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Annotated, Any, TypedDict
from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from starlette.requests import Request

from core.errors import Problem, ValidationFailed
from rest.v1.bodies import MISSING
from rest.v1.problems import describe_problems, missing_problem

#: The places of texts in a request, and what FastAPI calls the parameters that are read there.
PLACES = {"path": "path_params", "query": "query_params", "header": "header_params"}


class Inputs(TypedDict):
    """What a request brings: itself, its parsed body, and the texts of its path, query and headers."""

    request: Request
    body: Any
    path: Mapping[str, str]
    query: Mapping[str, str]


def read_inputs(request: Request, body: Any) -> Inputs:
    """Return the inputs of a request whose body has been parsed."""
    scope = request.scope
    query: bytes = scope["query_string"]
    return {
        "request": request,
        "body": body,
        "path": scope["path_params"],
        "query": _parse_query(decode(query)) if query else {},
    }


def decode(text: bytes) -> str:
    """Decode a text of the request as UTF-8; what is not becomes lone surrogates, which no parameter takes."""
    return text.decode(errors="surrogateescape")


def _require_utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be UTF-8") from None
    return text


def _parse_query(query: str) -> dict[str, str]:
    """Parse a query in UTF-8; the last of several values counts."""
    if "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))
    # parse_qsl takes several times as long.
    return dict([pair.partition("=")[::2] for pair in query.split("&")])


class _Parameter:
    """Reads one parameter of a signature.

    Args:
        field: FastAPI's declaration.
        location: the place in the request, and what the request calls the parameter there.
        find: returns its value, or MISSING.
    """

    __slots__ = ("_default", "_find", "_location", "_missing", "_name", "_validate")

    def __init__(self, field: Any, location: tuple[str, ...], find: Callable[[Inputs], Any]) -> None:
        info = field.field_info
        self._name: str = field.name
        self._location = location
        self._find = find
        kind: Any = Annotated[info.annotation, Field(), *info.metadata]
        if location[0] != "body":
            kind = Annotated[kind, BeforeValidator(_require_utf8)]
        self._validate = TypeAdapter(kind).validator.validate_python
        self._default = field.default
        self._missing = missing_problem(location) if info.is_required() else None

    def read(self, inputs: Inputs, arguments: dict[str, Any], problems: list[Problem]) -> None:
        """Read the value into *arguments*, or add to *problems* what is wrong with it."""
        value = self._find(inputs)
        if value is not MISSING:
            try:
                arguments[self._name] = self._validate(value)
            except ValidationError as error:
                problems += describe_problems(error, self._location)
        elif self._missing is None:
            arguments[self._name] = self._default
        else:
            problems.append(self._missing)


class ArgumentReader:
    """Calls a function, an endpoint or a dependency of one, with the arguments that its signature asks for.

    Args:
        dependant: the signature as FastAPI has read it; :func:`rest.v1.signatures.check_signature` lets it pass.
    """

    def __init__(self, dependant: Dependant) -> None:
        self._function: Any = dependant.call
        self._request_name = dependant.request_param_name
        self._dependencies = [(str(child.name), ArgumentReader(child)) for child in dependant.dependencies]
        self._parameters = [
            # A header goes by the name that the resolvers and GraphQL have for it.
            _Parameter(
                field, (place, field.name if place == "header" else field.alias), _finder(place, field)
            )
            for place, declared in PLACES.items()
            for field in getattr(dependant, declared)
        ]
        self._parameters += [
            _Parameter(field, ("body",), itemgetter("body")) for field in dependant.body_params
        ]

    async def call(self, inputs: Inputs, problems: list[Problem]) -> Any:
        """Return what the function returns; None, without calling it, where its arguments are not valid.

        Args:
            inputs: where the arguments are.
            problems: what is wrong with the arguments is added to these.
        """
        arguments: dict[str, Any] = {}
        before = len(problems)
        if self._request_name is not None:
            arguments[self._request_name] = inputs["request"]
        for name, dependency in self._dependencies:
            arguments[name] = await dependency.call(inputs, problems)
        for parameter in self._parameters:
            parameter.read(inputs, arguments, problems)
        return None if len(problems) > before else await self._function(**arguments)


def _finder(place: str, field: Any) -> Callable[[Inputs], Any]:
    key = field.alias
    if place == "query":
        return lambda inputs: inputs["query"].get(key, MISSING)
    if place == "path":
        return lambda inputs: inputs["path"].get(key, MISSING)
    return _header_finder(key.lower().encode(), field.name)


def _header_finder(header: bytes, name: str) -> Callable[[Inputs], Any]:
    def find(inputs: Inputs) -> Any:
        values = {value for key, value in inputs["request"].scope["headers"] if key == header}
        if len(values) > 1:
            # Whoever took the first one would have to guess which was meant (RFC 9110 section 5.3).
            raise ValidationFailed(Problem((name,), f"{name} must be sent once"))
        return decode(values.pop()) if values else MISSING

    return find
