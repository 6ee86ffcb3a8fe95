"""Who may do what: every field, mutation and subscription of the schema against everybody who might ask.

The tables below are the specification. A field that has no row fails the test, and so does a row without a field.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type, is_required_argument
from tortoise import timezone

from engine.graphql.schema import core_schema
from graph.schema import build_schema
from graph.types.nodes import encode_id
from models import (
    FailureCode,
    OneTimeToken,
    Order,
    OrderFailure,
    OrderItem,
    OrderStatus,
    Product,
    Session,
    StockMovement,
    TokenPurpose,
    User,
)
from tasks.broker import QUEUE
from tasks.mail import MAIL_QUEUE
from tests.client import Client
from tests.conftest import rewrite
from tests.factories import PASSWORD, make_admin, make_order, make_product, make_tokens, make_user

pytestmark = pytest.mark.anyio

ROLES = ("anonymous", "other", "owner", "admin", "inactive", "deleted")
OK = "OK"

#: What each role gets, in the order of ROLES.
Rule = tuple[str, str, str, str, str, str]
EVERYBODY: Rule = (OK, OK, OK, OK, OK, OK)
SIGNED_IN: Rule = ("NOT_AUTHENTICATED", OK, OK, OK, "TOKEN_INVALID", "TOKEN_INVALID")
OWNER_OR_ADMIN: Rule = ("NOT_AUTHENTICATED", "NOT_OWNER", OK, OK, "TOKEN_INVALID", "TOKEN_INVALID")
ONLY_OWNER: Rule = ("NOT_AUTHENTICATED", "NOT_OWNER", OK, "NOT_OWNER", "TOKEN_INVALID", "TOKEN_INVALID")
#: Nobody learns whether another's session exists.
ONLY_OWN_SESSION: Rule = (
    "NOT_AUTHENTICATED",
    "SESSION_NOT_FOUND",
    OK,
    "SESSION_NOT_FOUND",
    "TOKEN_INVALID",
    "TOKEN_INVALID",
)
ADMIN: Rule = ("NOT_AUTHENTICATED", "ADMIN_REQUIRED", "ADMIN_REQUIRED", OK, "TOKEN_INVALID", "TOKEN_INVALID")
#: Of an order that only its owner and administrators see.
ADMIN_OF_ORDER: Rule = (*ADMIN[:1], "NOT_OWNER", *ADMIN[2:])

#: Types that only carry what a field above them has already decided on, and all that they may carry.
VALUE_TYPES = {
    "ApiUsage": {"calls", "client", "lastDay", "operation"},
    "DatabaseStatus": {
        *("givenUpCount", "isMigrated", "lastFailures", "lockWaits", "orders", "retryingCount", "stuckCount"),
    },
    "DeadLetter": {
        *(
            "deliveries",
            "diedAt",
            "key",
            "lastError",
            "orderCount",
            "orders",
            "queue",
            "reason",
            "sentAt",
            "task",
        ),
    },
    "LockWait": {"blockedBy", "holder", "kind", "pid", "since", "table"},
    "Money": {"amount", "currency"},
    "OrderPermissions": {"cancel"},
    "OrderQuote": {"items", "total"},
    "OrderQuoteItem": {"product", "quantity", "unitPrice"},
    "OrderStatusCount": {"count", "isEstimate", "oldestAt", "status"},
    "PageInfo": {"endCursor", "hasNextPage", "hasPreviousPage", "startCursor"},
    "QueueLength": {"deadLetters", "messages", "queue"},
    "RedisStatus": {"queues", "workers"},
    "Shortage": {"available", "requested"},
    "SystemStatus": {"checkedAt", "database", "isWell", "problems", "redis"},
    "Permission": {"allowed", "code"},
    "UserError": {"code", "field", "message", "retryAfter"},
    "Worker": {"inProgress", "name", "since"},
}
#: The same for parts of lists and outcomes of mutations, by the ends of their names.
CARRIERS = {
    "Connection": {"edges", "nodes", "pageInfo", "totalCount"},
    "Edge": {"cursor", "node"},
    "Payload": {
        *("count", "errors", "movement", "order", "product", "quote", "session", "user"),
        *("accessToken", "accepted", "expiresIn", "refreshToken", "replayed", "revokedCount", "signedOut"),
    },
}

FIELDS: dict[str, dict[str, Rule]] = {
    "Query": {
        "allOrders": ADMIN,
        "apiUsage": ADMIN,
        "deadLetters": ADMIN,
        "me": SIGNED_IN,
        "node": SIGNED_IN,  # of a user; the other types are in NODES
        "nodes": EVERYBODY,  # null for each that is not the viewer's
        "order": OWNER_OR_ADMIN,
        "orders": SIGNED_IN,
        "product": EVERYBODY,
        "products": EVERYBODY,
        "systemStatus": ADMIN,
        "stuckOrders": ADMIN,
        "user": SIGNED_IN,
        "users": SIGNED_IN,
    },
    "User": {
        "createdAt": SIGNED_IN,
        "databaseId": SIGNED_IN,
        "email": SIGNED_IN,
        "fullName": SIGNED_IN,
        "id": SIGNED_IN,
        "isActive": SIGNED_IN,
        "isAdmin": SIGNED_IN,
        "orders": OWNER_OR_ADMIN,
        "recoveryEmail": OWNER_OR_ADMIN,
        "sessions": ONLY_OWNER,
        "updatedAt": SIGNED_IN,
        "version": SIGNED_IN,
    },
    "Product": {"stockMovements": ADMIN}
    | dict.fromkeys(
        (
            "archivedAt",
            "createdAt",
            "databaseId",
            "description",
            "id",
            "inStock",
            "name",
            "onHand",
            "price",
            "updatedAt",
            "version",
        ),
        EVERYBODY,
    ),
    "Order": dict.fromkeys(("attempts", "dueAt", "trace", "worker"), ADMIN_OF_ORDER)
    | dict.fromkeys(
        (
            "agreedTotal",
            "createdAt",
            "databaseId",
            "events",
            "failureCode",
            "id",
            "items",
            "reference",
            "shippingAddress",
            "status",
            "total",
            "updatedAt",
            "user",
            "userId",
            "version",
            "viewerCan",
        ),
        OWNER_OR_ADMIN,
    ),
    "OrderItem": dict.fromkeys(
        (
            "agreedPrice",
            "databaseId",
            "failureCode",
            "id",
            "order",
            "product",
            "productName",
            "quantity",
            "shortage",
            "unitPrice",
        ),
        OWNER_OR_ADMIN,
    ),
    "OrderEvent": {"attempt": ADMIN_OF_ORDER, "worker": ADMIN_OF_ORDER}
    | dict.fromkeys(
        ("actor", "actorId", "createdAt", "cursor", "failureCode", "order", "requestId", "status"),
        OWNER_OR_ADMIN,
    ),
    "OrderTrace": dict.fromkeys(
        (
            "attempts",
            "failures",
            "lastFailure",
            "nextTryAt",
            "requests",
            "retry",
            "stockMovements",
            "waitsFor",
        ),
        ADMIN_OF_ORDER,
    ),
    "OrderFailure": dict.fromkeys(
        ("attempt", "createdAt", "error", "message", "order", "requestId", "worker"), ADMIN_OF_ORDER
    ),
    "StockMovement": dict.fromkeys(
        (
            "actor",
            "createdAt",
            "delta",
            "id",
            "idempotencyKey",
            "note",
            "onHandAfter",
            "order",
            "product",
            "reason",
        ),
        ADMIN,
    ),
    "Session": dict.fromkeys(
        ("address", "createdAt", "expiresAt", "id", "isCurrent", "lastUsedAt", "userAgent"), ONLY_OWN_SESSION
    ),
}

NODES = {
    "User": SIGNED_IN,
    "Product": EVERYBODY,
    "Order": OWNER_OR_ADMIN,
    "OrderItem": OWNER_OR_ADMIN,
    "Session": ONLY_OWN_SESSION,
    "StockMovement": ADMIN,
}

SUBSCRIPTIONS = {"orderEvents": OWNER_OR_ADMIN, "orderUpdated": OWNER_OR_ADMIN}

MUTATIONS: dict[str, Rule] = {
    "adjustStock": ADMIN,
    "archiveProduct": ADMIN,
    "cancelOrder": OWNER_OR_ADMIN,
    # Whoever is signed in changes the own password, by the own current one.
    "changePassword": SIGNED_IN,
    # By a token that was mailed, whoever else is signed in or not.
    "confirmEmailChange": EVERYBODY,
    "createOrder": SIGNED_IN,
    "createProduct": ADMIN,
    "createUser": ADMIN,
    "deleteUser": ADMIN,
    "dropDeadLetters": ADMIN,
    # By credentials: those of a user who is disabled or deleted are refused like wrong ones.
    "login": (OK, OK, OK, OK, "INVALID_CREDENTIALS", "INVALID_CREDENTIALS"),
    "logout": SIGNED_IN,
    "replayDeadLetters": ADMIN,
    "refreshToken": (OK, OK, OK, OK, "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_INVALID"),
    "requestEmailChange": SIGNED_IN,
    "requestPasswordReset": EVERYBODY,
    "resetPassword": EVERYBODY,
    "revertEmailChange": EVERYBODY,
    "revokeOtherSessions": SIGNED_IN,
    "retryOrder": ADMIN,
    "revokeSession": ONLY_OWN_SESSION,
    "setUserActive": ADMIN,
    "setUserAdmin": ADMIN,
    "updateProduct": ADMIN,
    "updateUser": OWNER_OR_ADMIN,
}

#: How to come to an object of a type that is not a root.
PATHS = {
    "User": "user(id: $user) {{ {0} }}",
    "Product": "product(id: $product) {{ {0} }}",
    "Order": "order(id: $order) {{ {0} }}",
    "OrderItem": "order(id: $order) {{ items {{ {0} }} }}",
    "OrderEvent": "order(id: $order) {{ events {{ {0} }} }}",
    "OrderTrace": "order(id: $order) {{ trace {{ {0} }} }}",
    "OrderFailure": "order(id: $order) {{ trace {{ failures {{ nodes {{ {0} }} }} }} }}",
    "StockMovement": "product(id: $product) {{ stockMovements {{ nodes {{ {0} }} }} }}",
    "Session": "node(id: $session) {{ ... on Session {{ {0} }} }}",
}


@dataclass
class Stage:
    """One owner with an order, everybody else, and their tokens."""

    owner: User
    order: Order
    item: OrderItem
    product: Product
    users: dict[str, User]
    tokens: dict[str, tuple[str, str]]
    session: Session
    movement: StockMovement
    mailed: dict[TokenPurpose, str | None]

    @property
    def ids(self) -> dict[str, Any]:
        """Global ids of what is asked for: all of it the owner's."""
        return {
            "user": encode_id("User", self.owner.id),
            "order": encode_id("Order", self.order.id),
            "item": encode_id("OrderItem", self.item.id),
            "product": encode_id("Product", self.product.id),
            "session": encode_id("Session", self.session.id),
            "stockmovement": encode_id("StockMovement", self.movement.id),
        }

    def token(self, role: str) -> str | None:
        """Return the access token of a role."""
        return self.tokens[role][0] if role in self.tokens else None


async def set_stage(client: Client, status: OrderStatus = OrderStatus.PENDING) -> Stage:
    owner, product = await make_user(recovery_email="former@example.com"), await make_product()
    users = {
        "other": await make_user(),
        "owner": owner,
        "admin": await make_admin(),
        "inactive": await make_user(is_active=False),
        "deleted": await make_user(deleted_at=timezone.now() - timedelta(days=1)),
    }
    tokens = {role: await make_tokens(client.resources, user) for role, user in users.items()}
    await make_admin()  # so that nobody is the last one
    order = await make_order(owner, (product, 1), status=status)
    item = await OrderItem.get(order_id=order.id)
    await OrderFailure.create(order_id=order.id, attempt=1, error="LeaseExpired")
    session = await Session.create(
        id=uuid4(), user_id=owner.id, token_hash="0" * 64, expires_at=timezone.now() + timedelta(days=1)
    )
    mailed = {
        TokenPurpose.PASSWORD_RESET: await OneTimeToken.issue(owner.id, TokenPurpose.PASSWORD_RESET),
        TokenPurpose.EMAIL_CHANGE: await OneTimeToken.issue(
            owner.id, TokenPurpose.EMAIL_CHANGE, email="changed@example.com"
        ),
        TokenPurpose.EMAIL_REVERT: await OneTimeToken.issue(owner.id, TokenPurpose.EMAIL_REVERT),
    }
    movement = await StockMovement.get(product_id=product.id)
    await client.resources.redis.delete(f"{QUEUE}:dead")
    await client.resources.redis.xadd(f"{QUEUE}:dead", {"data": "x", "reason": "y"}, id="1-1")
    return Stage(owner, order, item, product, users, tokens, session, movement, mailed)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core_schema(build_schema())


def object_types(schema: GraphQLSchema) -> dict[str, GraphQLObjectType]:
    return {
        name: kind
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType)
        and not name.startswith("__")
        and not name.endswith(tuple(CARRIERS))
        and name not in VALUE_TYPES
    }


def test_every_field_has_a_row_and_every_row_a_field(schema: GraphQLSchema) -> None:
    table = {
        **FIELDS,
        "Mutation": MUTATIONS,
        "Subscription": SUBSCRIPTIONS,
    }
    types = object_types(schema)
    assert {name: sorted(kind.fields) for name, kind in types.items()} == {
        name: sorted(rows) for name, rows in table.items()
    }
    nodes = {kind.name for kind in schema.get_possible_types(schema.type_map["Node"])}  # type: ignore[arg-type]
    assert nodes == set(NODES)


def test_what_only_carries_carries_nothing_new(schema: GraphQLSchema) -> None:
    fields = {name: set(getattr(kind, "fields", ())) for name, kind in schema.type_map.items()}
    assert {name: fields[name] for name in VALUE_TYPES} == VALUE_TYPES
    for end, names in CARRIERS.items():
        found = [(name, field) for name in fields if name.endswith(end) for field in fields[name] - names]
        assert not found


def selection(schema: GraphQLSchema, type_name: str, field: str) -> str:
    """Select *field*, giving what its required arguments need."""
    definition = schema.type_map[type_name].fields[field]  # type: ignore[attr-defined]
    given = {"id": "$user" if field in ("node", "user") else f"${field}", "ids": "[$user, $order, $product]"}
    required = [name for name, argument in definition.args.items() if is_required_argument(argument)]
    arguments = ", ".join(f"{name}: {given[name]}" for name in required)
    leaf = is_leaf_type(get_named_type(definition.type))
    return field + (f"({arguments})" if arguments else "") + ("" if leaf else " { __typename }")


def outcome(body: dict[str, Any]) -> str:
    """Return OK, or the code of the first error: at the top level, or in the payload of a mutation."""
    if errors := body.get("errors"):
        return str(errors[0]["extensions"]["code"])
    for payload in (body.get("data") or {}).values():
        if isinstance(payload, dict) and payload.get("errors"):
            return str(payload["errors"][0]["code"])
    return OK


async def ask(client: Client, stage: Stage, role: str, text: str) -> str:
    declared = ", ".join(f"${name}: ID!" for name in stage.ids if f"${name}" in text)
    query = f"query {f'({declared})' if declared else ''} {{ {text} }}"
    answer = await client.graphql(query, stage.ids, token=stage.token(role))
    return outcome(answer.body)


async def test_fields(client: Client, schema: GraphQLSchema) -> None:
    stage = await set_stage(client)
    found = {}
    for type_name, rows in FIELDS.items():
        for field in rows:
            text = PATHS.get(type_name, "{0}").format(selection(schema, type_name, field))
            found[f"{type_name}.{field}"] = tuple([await ask(client, stage, role, text) for role in ROLES])
    assert found == {f"{name}.{field}": rule for name, rows in FIELDS.items() for field, rule in rows.items()}


async def test_nodes(client: Client) -> None:
    stage = await set_stage(client)
    for name, rule in NODES.items():
        text = f"node(id: ${'item' if name == 'OrderItem' else name.lower()}) {{ id }}"
        assert tuple([await ask(client, stage, role, text) for role in ROLES]) == rule, name


#: As the ids of the stage are.
NODE_ORDER = ("User", "Order", "OrderItem", "Product", "Session", "StockMovement")


async def test_nodes_shows_each_viewer_only_what_node_would(client: Client) -> None:
    stage = await set_stage(client)
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    for number, role in enumerate(ROLES):
        answer = await client.graphql(query, {"ids": list(stage.ids.values())}, token=stage.token(role))
        shown = [node is not None for node in answer.data["nodes"]]
        assert shown == [NODES[name][number] == OK for name in NODE_ORDER], role


async def test_subscriptions(client: Client, superuser: asyncpg.Connection) -> None:
    # A final order's subscriptions end at once.
    stage = await set_stage(client, OrderStatus.CANCELLED)
    texts = {
        "orderUpdated": "subscription ($order: ID!) { orderUpdated(id: $order) { id } }",
        "orderEvents": "subscription ($order: ID!) { orderEvents(orderId: $order) { cursor } }",
    }
    await rewrite(
        superuser, f"UPDATE order_events SET status = 'cancelled' WHERE order_id = {stage.order.id}"
    )
    for name, rule in SUBSCRIPTIONS.items():
        found = []
        for role in ROLES:
            headers = await client.headers(None, stage.token(role)) | {"Accept": "text/event-stream"}
            body = {"query": texts[name], "variables": {"order": stage.ids["order"]}}
            response = await client.rest.post("/graphql", json=body, headers=headers)
            events = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
            found.append(outcome(orjson.loads(events[0])))
        assert tuple(found) == rule, name


#: The input of each mutation, from the stage and who asks.
INPUTS: dict[str, Callable[[Stage, str], dict[str, Any]]] = {
    "adjustStock": lambda stage, _: {"id": stage.ids["product"], "delta": 1},
    "archiveProduct": lambda stage, _: {"id": stage.ids["product"]},
    "cancelOrder": lambda stage, _: {"id": stage.ids["order"]},
    "changePassword": lambda _, __: {"currentPassword": PASSWORD, "newPassword": "another good one"},
    "confirmEmailChange": lambda stage, _: {"token": stage.mailed[TokenPurpose.EMAIL_CHANGE]},
    "createOrder": lambda stage, _: {
        "items": [{"productId": stage.ids["product"], "quantity": 1}],
        "shippingAddress": "here",
    },
    "dropDeadLetters": lambda _, __: {"keys": ["orders:1-1"]},
    "replayDeadLetters": lambda _, __: {"keys": ["orders:1-1"]},
    "createProduct": lambda _, __: {"name": "New", "price": "1.00"},
    "createUser": lambda _, __: {"email": "new@example.com", "fullName": "New", "password": "long enough"},
    "deleteUser": lambda stage, _: {"id": stage.ids["user"]},
    "login": lambda stage, role: {
        "email": stage.users.get(role, stage.owner).email,
        "password": PASSWORD,
    },
    "logout": lambda _, __: {},
    "refreshToken": lambda stage, role: {"refreshToken": stage.tokens.get(role, stage.tokens["owner"])[1]},
    "requestEmailChange": lambda _, __: {"newEmail": "changed@example.com", "password": PASSWORD},
    "requestPasswordReset": lambda stage, _: {"email": stage.owner.email},
    "resetPassword": lambda stage, _: {
        "token": stage.mailed[TokenPurpose.PASSWORD_RESET],
        "newPassword": "another good one",
    },
    "revertEmailChange": lambda stage, _: {"token": stage.mailed[TokenPurpose.EMAIL_REVERT]},
    "retryOrder": lambda stage, _: {"id": stage.ids["order"]},
    "revokeOtherSessions": lambda _, __: {"keepCurrent": False},
    "revokeSession": lambda stage, _: {"id": stage.ids["session"]},
    "setUserActive": lambda stage, _: {"id": stage.ids["user"], "isActive": False},
    "setUserAdmin": lambda stage, _: {"id": stage.ids["user"], "isAdmin": True},
    "updateProduct": lambda stage, _: {"id": stage.ids["product"], "name": "Renamed"},
    "updateUser": lambda stage, _: {"id": stage.ids["user"], "fullName": "Renamed"},
}


async def snapshot(client: Client) -> list[Any]:
    """Return what a refused mutation must leave as it was: the rows, and what the workers are told."""
    models = (User, Product, Order, Session, OneTimeToken)
    rows = [await model.all().order_by(model._meta.pk_attr).values() for model in models]
    queues = [await client.resources.redis.xlen(queue) for queue in (QUEUE, MAIL_QUEUE, f"{QUEUE}:dead")]
    return [*rows, *queues]


@pytest.mark.parametrize("name", MUTATIONS)
async def test_mutations(client: Client, schema: GraphQLSchema, name: str) -> None:
    definition = schema.mutation_type.fields[name]  # type: ignore[union-attr]
    (argument,) = definition.args.values()
    query = f"mutation ($input: {argument.type}) {{ {name}(input: $input) {{ errors {{ code }} }} }}"
    found = []
    for role in ROLES:
        await User.all().update(email="gone@example.com", deleted_at=timezone.now())
        stage = await set_stage(client)
        if name == "retryOrder":
            fault = {"status": OrderStatus.FAILED, "failure_code": FailureCode.PROCESSING_ERROR}
            await Order.filter(id=stage.order.id).update(**fault, due_at=None)
        before = await snapshot(client)
        variables = {"input": INPUTS[name](stage, role)}
        answer = await client.graphql(query, variables, token=stage.token(role))
        found.append(outcome(answer.body))
        assert (found[-1] == OK) == (await snapshot(client) != before), f"{role}: {found[-1]}"
    assert tuple(found) == MUTATIONS[name]
