"""How the variables of the GraphQL documents come from a request to v1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import ValidationFailed
from graph.resolvers.pagination import DEFAULT_PAGE_SIZE, MAX_BIGINT
from graph.resolvers.validation import refuse
from graph.types.nodes import encode_id
from models import MAX_ID, OrderStatus
from rest.v1.problems import describe_problems
from rest.v1.schemas.fields import IdempotencyKey, Truth, WholeNumber

Fields = Mapping[str, Any]
Variables = dict[str, Any]

_NUMBER, _TRUTH, _STATUS, _KEY = (
    TypeAdapter[Any](kind) for kind in (WholeNumber, Truth, OrderStatus, IdempotencyKey)
)
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
    if not 1 <= number <= MAX_BIGINT:
        refuse(name, f"{name} must be between 1 and {MAX_BIGINT}")
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

    A number that nothing can have becomes the id of nothing; what is no whole number has none.
    """
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is not int:
        return None
    return encode_id(type_name, number if 0 < number <= MAX_ID else 0)


def none(_: V1Request) -> Variables:
    return {}


def by_id(type_name: str, parameter: str, request: V1Request) -> Variables:
    return {"id": node_id(type_name, _read(_NUMBER, parameter, request.path[parameter]))}


def input_by_id(type_name: str, parameter: str, request: V1Request) -> Variables:
    return {"input": by_id(type_name, parameter, request)}


def events(request: V1Request) -> Variables:
    after = request.query.get("after")
    return by_id("Order", "order_id", request) | ({"after": after} if after is not None else {})


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
    return _page(request, isActive=_read_if_given(_TRUTH, "is_active", request))


def order_page(request: V1Request) -> Variables:
    status = _read_if_given(_STATUS, "status", request)
    return _page(request, status=status and status.name, reference=request.query.get("reference"))


def product_page(request: V1Request) -> Variables:
    in_stock = _read_if_given(_TRUTH, "in_stock", request)
    return _page(request, search=request.query.get("search"), inStock=in_stock)


def _read_if_given(kind: TypeAdapter[Any], name: str, request: V1Request) -> Any:
    value = request.query.get(name)
    return None if value is None else _read(kind, name, value)


def _page(request: V1Request, **conditions: Any) -> Variables:
    """Return the variables of the first page: GraphQL comes to another one by the cursors of those before it.

    Raises:
        ValidationFailed: there can be no such page.
    """
    # Looked at now, so that a page that cannot be is refused before anything is asked.
    _, size = request.page, request.page_size
    variables: Variables = {"first": size}
    given = {name: value for name, value in conditions.items() if value is not None}
    if given:
        variables["filter"] = given
    return variables
