"""How the variables of the GraphQL documents come from a request to v1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import ValidationFailed
from graph.resolvers.pagination import DEFAULT_PAGE_SIZE
from graph.resolvers.validation import refuse
from graph.types.nodes import encode_id
from models import MAX_ID
from rest.v1.problems import describe_problems
from rest.v1.schemas.fields import IdempotencyKey, Truth, WholeNumber

Fields = Mapping[str, Any]
Variables = dict[str, Any]

_NUMBER, _TRUTH, _KEY = (TypeAdapter[Any](kind) for kind in (WholeNumber, Truth, IdempotencyKey))
#: Of GraphQL's Int: what is beyond is as much out of bounds as these are.
_MAX_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class V1Request:
    """A request to v1, without its sign-in, which is the same header in GraphQL.

    Args:
        path: the parameters in the path, by name; they and the following ones as texts, or as what these mean.
        query: those of the query.
        headers: the headers that are parameters of the operation, such as ``Idempotency-Key``.
        body: the parsed body; None if there is none.
    """

    path: Fields = field(default_factory=dict)
    query: Fields = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def page(self) -> int:
        """The number of the page that is asked for, from 1."""
        return _page_number(self.query, "page", 1)

    @property
    def page_size(self) -> int:
        """The number of items that are asked for, from 1."""
        return _page_number(self.query, "page_size", DEFAULT_PAGE_SIZE)


def _page_number(query: Fields, name: str, default: int) -> int:
    # The graph has cursors in the place of page numbers, and pages of no nodes: these bounds are v1's own.
    number: int = _read(_NUMBER, name, query.get(name, default))
    if number < 1:
        refuse(name, f"{name} must be at least 1")
    return number


def _read(kind: TypeAdapter[Any], name: str, value: Any) -> Any:
    """Return what the text of a parameter means.

    Raises:
        ValidationFailed: v1 does not take it.
    """
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        raise ValidationFailed(*describe_problems(error, ("query", name))) from None


def node_id(type_name: str, number: Any) -> Any:
    """Return the global id of what v1 knows by *number*: base64 of ``Type:number``.

    A number that nothing can have becomes the id of nothing; what is no number stays what it is, which no id is.
    """
    if type(number) is str and number.isascii() and number.removeprefix("-").isdigit():
        number = int(number)
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is not int:
        return number
    return encode_id(type_name, number if 0 < number <= MAX_ID else 0)


def none(_: V1Request) -> Variables:
    return {}


def by_id(type_name: str, parameter: str, request: V1Request) -> Variables:
    return {"id": node_id(type_name, request.path[parameter])}


def input_by_id(type_name: str, parameter: str, request: V1Request) -> Variables:
    return {"input": by_id(type_name, parameter, request)}


def events(request: V1Request) -> Variables:
    return by_id("Order", "order_id", request) | {"after": request.query.get("after")}


def credentials(request: V1Request) -> Variables:
    return _input(request.body, {"username": "email", "password": "password"})


def refresh_token(request: V1Request) -> Variables:
    return _input(request.body, {"refresh_token": "refreshToken"})


def new_user(request: V1Request) -> Variables:
    return _input(request.body, {"email": "email", "full_name": "fullName", "password": "password"})


def user_changes(request: V1Request) -> Variables:
    variables = _input(request.body, {"full_name": "fullName", "email": "email"})
    if isinstance(variables["input"], dict):
        variables["input"] = by_id("User", "user_id", request) | variables["input"]
    return variables


def new_order(request: V1Request) -> Variables:
    names = {"items": "items", "shipping_address": "shippingAddress", "reference": "reference"}
    variables = _input(request.body, names)
    given = variables["input"]
    if not isinstance(given, dict):
        return variables
    if isinstance(given.get("items"), list):
        given["items"] = [_item(item) for item in given["items"]]
    key = request.headers.get("Idempotency-Key")
    if key is not None:
        given["idempotencyKey"] = _read(_KEY, "idempotency_key", key)
    return variables


def _item(item: Any) -> Any:
    """Return an item of a new order."""
    found = _renamed(item, {"product_id": "productId", "quantity": "quantity"})
    if isinstance(found, dict):
        if "productId" in found:
            found["productId"] = node_id("Product", found["productId"])
        quantity: Any = found.get("quantity")
        if type(quantity) in (int, float):
            found["quantity"] = max(-_MAX_INT, min(quantity, _MAX_INT))
    return found


def _input(body: Any, names: Mapping[str, str]) -> Variables:
    return {"input": _renamed(body, names)}


def _renamed(values: Any, names: Mapping[str, str]) -> Any:
    """Return the fields that v1 reads, by their names in GraphQL; what is no object as it is."""
    if not isinstance(values, dict):
        return values
    return {new: values[old] for old, new in names.items() if old in values}


def user_page(request: V1Request) -> Variables:
    return _page(request, isActive=_truth(request, "is_active"))


def order_page(request: V1Request) -> Variables:
    status = request.query.get("status")
    return _page(
        request,
        status=None if status is None else status.upper(),
        reference=request.query.get("reference"),
    )


def product_page(request: V1Request) -> Variables:
    return _page(request, search=request.query.get("search"), inStock=_truth(request, "in_stock"))


def _truth(request: V1Request, name: str) -> Any:
    value = request.query.get(name)
    return None if value is None else _read(_TRUTH, name, value)


def _page(request: V1Request, **conditions: Any) -> Variables:
    """Return the variables of the first page: GraphQL comes to another one by the cursors of those before it."""
    _ = request.page
    given = {name: value for name, value in conditions.items() if value is not None}
    return {"first": request.page_size, "after": None, "filter": given}
