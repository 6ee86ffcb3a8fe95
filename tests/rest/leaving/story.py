"""What the page asks of both APIs, one request after another, in a shop that has nothing but the sample data."""

from dataclasses import dataclass

from core.demo_people import ADMIN, CUSTOMER, DemoPerson
from rest.v1.demo_examples import BODIES, FRESH_IDS, IDS
from rest.v1.twins import V1Request

#: Stands for the refresh token of the first sign-in.
REFRESH_TOKEN = "eyJ…refresh"
KEY = "5c3f4e0a-9d0b-4b7e-8a57-2f3c1f0d6b11"


@dataclass(frozen=True)
class Step:
    """A request to an operation.

    Args:
        name: what the code calls its answer.
        who: sends it; None for nobody.
        note: what to mind.
    """

    operation_id: str
    name: str
    request: V1Request
    who: DemoPerson | None = CUSTOMER
    note: str = ""


_NEW_USER = {"email": "newuser@example.com", "full_name": "New User", "password": "securepassword123"}
_PAGE = (
    "There are no page numbers: page 2 is what comes `after` the `endCursor` of page 1, see "
    "[every page of a list](#pages-and-cursors)."
)
STEPS = (
    Step(
        "login",
        "session",
        V1Request(body=BODIES["LoginIn"]),
        None,
        "The field of the email is called `email`. A wrong password is no status 401, but an entry of `errors` with "
        "the code `INVALID_CREDENTIALS`, beside tokens that are null.",
    ),
    Step(
        "refreshToken",
        "refreshed",
        V1Request(body={"refresh_token": REFRESH_TOKEN}),
        None,
        "GraphQL gives a new refresh token, and **the old one is used up**: keep the new one in its place. To use an "
        "old one again ends the session, for v1 too, so a client of v1 and one of GraphQL should each sign in by "
        "themselves.",
    ),
    Step(
        "getCurrentUser",
        "me",
        V1Request(),
        note="Whoever asks without a token is `NOT_AUTHENTICATED` in both, and with a wrong one `TOKEN_INVALID`.",
    ),
    Step(
        "createUser",
        "created",
        V1Request(body=_NEW_USER),
        ADMIN,
        "For administrators. Where v1 says `Location`, GraphQL has the `id`.",
    ),
    Step("listUsers", "users", V1Request(query={"page_size": "2", "is_active": "true"}), note=_PAGE),
    Step(
        "getUser",
        "user",
        V1Request(path={"user_id": IDS["user_id"]}),
        note="The id is made of v1's number, or was kept from an earlier answer: see [ids](#ids).",
    ),
    Step(
        "updateUser",
        "updated",
        V1Request(path={"user_id": IDS["user_id"]}, body=BODIES["UserPatch"]),
        note="What is left out stays as it is, in both. With `expectedVersion` GraphQL does not overwrite what "
        "somebody else has changed meanwhile.",
    ),
    Step(
        "deleteUser",
        "deleted",
        V1Request(path={"user_id": FRESH_IDS["deleteUser"]}),
        ADMIN,
        "For administrators. Where v1 answers 204 and no body, GraphQL gives the id of the user that is gone.",
    ),
    Step(
        "createOrder",
        "placed",
        V1Request(body=BODIES["OrderIn"], headers={"Idempotency-Key": KEY}),
        note="The header `Idempotency-Key` has become the field `idempotencyKey`: make it before the first attempt, "
        "and send the same one again until there is an answer. `replayed` is v1's header `Idempotent-Replayed`. A "
        "repetition tells the order as it is now, where v1 tells its first answer again. Both APIs know the same keys: "
        "an order that was placed by one is not placed again by the other. A key has at most 255 characters in both. "
        "To order again what an answer has, send its `product { id }` as `productId`.",
    ),
    Step(
        "listOrders",
        "orders",
        V1Request(query={"page_size": "2", "status": "completed"}),
        note=f"{_PAGE} `status` takes a list as well: `[PENDING, PROCESSING]`.",
    ),
    Step(
        "getOrder",
        "order",
        V1Request(path={"order_id": IDS["order_id"]}),
        note="An order that is polled until it is completed is better followed: see "
        "[polling and subscriptions](#polling-and-subscriptions).",
    ),
    Step(
        "cancelOrder",
        "cancelled",
        V1Request(path={"order_id": FRESH_IDS["cancelOrder"]}),
        note="Too late is no status 400, but an entry of `errors` with the code `ORDER_NOT_CANCELLABLE`, as in v1: "
        "expect it where workers are idle, who complete an order within milliseconds.",
    ),
    Step(
        "listOrderEvents",
        "history",
        V1Request(path={"order_id": IDS["order_id"]}),
        note="The cursors are the same in both APIs, so one can go on where the other has stopped. The subscription "
        "`orderEvents` tells the events of all orders as they happen, from any such cursor on.",
    ),
    Step("listProducts", "products", V1Request(query={"page_size": "2", "in_stock": "true"}), None, _PAGE),
    Step(
        "getProduct",
        "product",
        V1Request(path={"product_id": IDS["product_id"]}),
        None,
        "In the place of `is_archived` there is `archivedAt`, which is null while the product is on sale.",
    ),
)
#: What both refuse: it cannot be bought, and nobody is signed in.
REFUSED = (
    Step(
        "createOrder",
        "refused",
        V1Request(body={"items": [{"product_id": 999, "quantity": 1}], "shipping_address": "1 Main Street"}),
    ),
    Step("getCurrentUser", "nobody", V1Request(), None),
)
#: Asks for two things, one of which is not there.
PARTIAL = """\
query ProfileAndOrder {
  me { email }
  order(id: "T3JkZXI6OTk5") { status }
}
"""
