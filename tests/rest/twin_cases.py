"""Random requests to v1: right ones, wrong ones, and such as v1 refuses for their shape."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from models import Order, OrderStatus, Product, User
from rest.v1.twins import TWINS, V1Request
from tests.factories import PASSWORD
from tests.rest.twin_shop import TEXTS, TwinShop

#: Ids that nothing has.
NO_IDS = (0, -1, 999_999, 2**31 - 1, 2**31, 2**63, 10**30)
NOT_STORABLE = "a\0b"
#: What is no JSON value of the right type, for a number as for a text.
MISFITS: tuple[Any, ...] = (None, True, [], {}, 1.5)


@dataclass(frozen=True)
class Case:
    """A request to an operation of v1.

    Args:
        viewer: who sends it, a name in :attr:`TwinShop.tokens`.
        is_malformed: whether v1 refuses it for its shape, as GraphQL does in words of its own, and before it looks who
            asks.
        is_repeated: whether it was sent before, and a worker had whatever came of it.
    """

    operation_id: str
    viewer: str
    request: V1Request
    is_malformed: bool = False
    is_repeated: bool = False


class Draw:
    """Draws requests about a shop."""

    def __init__(self, shop: TwinShop, seed: int) -> None:
        self.shop = shop
        self.chance = Random(seed)
        self.is_malformed = False
        self.is_repeated = False
        #: Who has what the request is about.
        self.owner: str | None = None

    def case(self, operation_id: str | None = None) -> Case:
        """Return any request of anybody, to this operation or to any."""
        operation_id = operation_id or self.chance.choice(sorted(REQUESTS))
        request = REQUESTS[operation_id](self)
        anybody = self.chance.choice(list(self.shop.tokens))
        viewer = self.one_of(*[self.owner] * 3, "admin", "admin", "customer 0", "customer 1", anybody)
        if viewer not in self.shop.tokens:
            viewer = "guest"
        return Case(operation_id, viewer, request, self.is_malformed, self.is_repeated)

    def one_of(self, *values: Any) -> Any:
        return self.chance.choice(values)

    def rarely(self, one_in: int) -> bool:
        return self.chance.randrange(one_in) == 0

    def misfit(self, *values: Any) -> Any:
        """Return a value that v1 refuses for its shape."""
        self.is_malformed = True
        return self.chance.choice(values)

    def id_of(self, rows: Sequence[Order | Product | User]) -> int:
        """Return the id of one of *rows*, rarely one that nothing has."""
        if self.rarely(10) or not rows:
            return int(self.chance.choice(NO_IDS))
        row = self.chance.choice(rows)
        self.owner = self.shop.names.get(row.user_id if isinstance(row, Order) else row.id)
        return row.id

    def path(self, name: str, rows: Sequence[Order | Product | User]) -> V1Request:
        """Return a request with one id in its path."""
        if self.rarely(20):
            return V1Request(path={name: self.misfit("x", "1.0", "1_0", "9" * 101, "-")})
        text = str(self.id_of(rows))
        return V1Request(path={name: self.one_of(text, text, f"0{text}" if text.isdigit() else text)})

    def query(self, **texts: str | None) -> dict[str, str]:
        """Return the query of a list: these conditions, and a page."""
        query = {name: text for name, text in texts.items() if text is not None}
        if not self.rarely(3):
            query["page"] = self.one_of("1", "2", "3", "4", "5", "6", "02", "99", str(2**63 - 1))
        if not self.rarely(4):
            query["page_size"] = self.one_of("1", "1", "2", "2", "3", "4", "5", "20", "100")
        if self.rarely(15):
            query["page"] = self.misfit("0", "-1", "", "x", str(2**63))
        if self.rarely(15):
            query["page_size"] = self.misfit("0", "101", "2.0", str(2**40))
        return query

    def truth(self) -> str | None:
        if self.rarely(20):
            return str(self.misfit("1", "yes", ""))
        return self.chance.choice((None, None, "true", "false", "TRUE"))

    def body(self, **values: Any) -> dict[str, Any]:
        """Return a body of these values, rarely with one of a wrong type, or with too many or too few."""
        if values and self.rarely(12):
            name = self.chance.choice(sorted(values))
            values[name] = self.misfit(*MISFITS[1:])
        if self.rarely(12):
            values["unknown"] = 1
        return values


def _login(draw: Draw) -> V1Request:
    email = draw.chance.choice(draw.shop.users).email
    email = draw.one_of(
        email, email, email, email.upper(), f" {email}", "nobody@example.com", "", NOT_STORABLE
    )
    body = draw.body(
        username=email, password=draw.one_of("wrong", "", NOT_STORABLE) if draw.rarely(5) else PASSWORD
    )
    if draw.rarely(15):
        del body[draw.misfit("username", "password")]
    return V1Request(body=body)


def _refresh(draw: Draw) -> V1Request:
    return V1Request(body=draw.body(refresh_token=draw.chance.choice(draw.shop.refresh_tokens)))


def _name(draw: Draw) -> str:
    bad = ("", " \u200b", NOT_STORABLE, "x" * 201)
    return str(draw.one_of(*bad) if draw.rarely(6) else draw.one_of(*TEXTS, " New User "))


def _email(draw: Draw) -> str:
    taken = draw.chance.choice(draw.shop.users).email
    bad = (taken, taken.upper(), "x", "", "a@b", f"{'x' * 250}@example.com", NOT_STORABLE)
    good = (
        "new@example.com",
        " New@Example.com ",
        "new@xn--mnchen-3ya.example.com",
        "new@münchen.example.com",
    )
    return str(draw.one_of(*bad) if draw.rarely(3) else draw.one_of(*good))


def _create_user(draw: Draw) -> V1Request:
    password = draw.one_of("short", "x" * 73, "\0" * 9, "é" * 37) if draw.rarely(5) else "long enough"
    body = draw.body(email=_email(draw), full_name=_name(draw), password=password)
    if draw.rarely(15):
        del body[draw.misfit("email", "full_name", "password")]
    return V1Request(body=body)


def _update_user(draw: Draw) -> V1Request:
    request = draw.path("user_id", draw.shop.users)
    values = {"email": _email(draw), "full_name": _name(draw)}
    given = {name: draw.one_of(value, value, None) for name, value in values.items() if not draw.rarely(3)}
    body: Any = draw.body(**given)
    if draw.rarely(15):
        body = draw.misfit([], "x", 1)
    return replace(request, body=body)


def _item(draw: Draw) -> Any:
    item = {
        "product_id": draw.id_of(draw.shop.products),
        "quantity": draw.one_of(1, 2, 7, 3.0)
        if not draw.rarely(12)
        else draw.one_of(0, -1, 10**6 + 1, 2**40),
    }
    if draw.rarely(30):
        item["product_id"] = draw.misfit(*MISFITS, "1")
    if draw.rarely(30):
        item["quantity"] = draw.misfit(*MISFITS, "1")
    if draw.rarely(60):
        return draw.misfit(None, 1, {"quantity": 1})
    return item


def _create_order(draw: Draw) -> V1Request:
    items = [_item(draw) for _ in range(draw.one_of(1, 1, 2, 3, 5))]
    if draw.rarely(20):
        items = draw.one_of([], items * 101)
    address = draw.one_of(*TEXTS) if not draw.rarely(10) else draw.one_of("", " \n", NOT_STORABLE, "x" * 1001)
    body = draw.body(items=items, shipping_address=address)
    if draw.rarely(3):
        body["reference"] = draw.one_of(None, "A", "B", " 4711 ", "new", "é", "", NOT_STORABLE, "x" * 101)
    headers = {}
    if draw.rarely(2):
        headers["Idempotency-Key"] = draw.one_of(
            "1", "2", "new", '"1"', '"new"', '"a\\"b"', "é", " ", "x" * 256
        )
        draw.is_repeated = not draw.rarely(3)
    if draw.rarely(30):
        headers["Idempotency-Key"] = draw.misfit('"', '"1', '"1"2')
    return V1Request(headers=headers, body=body)


def _list_orders(draw: Draw) -> V1Request:
    status = draw.one_of(None, None, *(status.value for status in OrderStatus))
    if draw.rarely(20):
        status = draw.misfit("lost", "PENDING", "")
    reference = draw.one_of("A", "B", " A ", "", "x" * 101, NOT_STORABLE) if draw.rarely(5) else None
    return V1Request(query=draw.query(status=status, reference=reference))


def _list_events(draw: Draw) -> V1Request:
    request = draw.path("order_id", draw.shop.orders)
    if draw.rarely(2):
        return request
    others = ("", "x", "WyJPcmRlci5pZCIsMSwxXQ", "é", NOT_STORABLE)
    cursors = draw.shop.cursors or others
    return replace(
        request, query={"after": draw.one_of(*others) if draw.rarely(3) else draw.chance.choice(cursors)}
    )


def _list_users(draw: Draw) -> V1Request:
    return V1Request(query=draw.query(is_active=draw.truth()))


def _list_products(draw: Draw) -> V1Request:
    words = ("mug", "MUG", "bowl", "o", "%", "_", "\\", "Zoë", "zoe\u0308", "", "  ", "m u g")
    search = draw.one_of(None, *words, "x" * 61, "x " * 101, NOT_STORABLE)
    return V1Request(query=draw.query(search=search, in_stock=draw.truth()))


REQUESTS: dict[str, Callable[[Draw], V1Request]] = {
    "login": _login,
    "refreshToken": _refresh,
    "getCurrentUser": lambda _: V1Request(),
    "createUser": _create_user,
    "listUsers": _list_users,
    "getUser": lambda draw: draw.path("user_id", draw.shop.users),
    "updateUser": _update_user,
    "deleteUser": lambda draw: draw.path("user_id", draw.shop.users),
    "createOrder": _create_order,
    "listOrders": _list_orders,
    "getOrder": lambda draw: draw.path("order_id", draw.shop.orders),
    "listOrderEvents": _list_events,
    "cancelOrder": lambda draw: draw.path("order_id", draw.shop.orders),
    "listProducts": _list_products,
    "getProduct": lambda draw: draw.path("product_id", draw.shop.products),
}
assert set(REQUESTS) == set(TWINS)
