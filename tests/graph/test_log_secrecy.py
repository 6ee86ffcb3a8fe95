"""No secret, password, token or address of a person in any line of the log, at any level (CWE-532).

Every operation of both APIs is driven with values that are found again, with all loggers at DEBUG, those of the
libraries too, as far as :func:`core.logging.log_config` leaves them their lines.
"""

import io
import logging
import logging.config
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType
from taskiq import async_shared_broker

from core.logging import JsonFormatter, TextFormatter, log_config
from core.mail import SmtpMailer
from engine.graphql.schema import core_schema
from graph.schema import build_schema
from models import FailureCode, OrderStatus, User
from tasks.orders import process
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_token, make_user
from tests.graph.conftest import Serve
from tests.graph.documents import global_id, mutation
from tests.graph.test_recovery import queued
from tests.smtp import SmtpServer

pytestmark = pytest.mark.anyio

EMAIL, OTHER_EMAIL, THIRD_EMAIL = (f"zaphod{number}@heart-of-gold.example" for number in (1, 2, 3))
OLD, NEW, LAST = "Vogon poetry 1", "Vogon poetry 2", "Vogon poetry 3"
NAME, STREET, KEY = "Zaphod Beeblebrox", "42 Betelgeuse Street", "zaphod-key-4711"
SEARCH = f'(first: 5, filter: {{search: "{OTHER_EMAIL}"}})'
#: What these tests send with is no part of the service.
OWN_CLIENTS = ("httpx", "httpcore", "websockets.client")


class Logs:
    """All that is logged, in both forms, and what must not be found in it."""

    def __init__(self, *secrets: str) -> None:
        self.secrets = set(secrets)
        self.streams = {"json": io.StringIO(), "text": io.StringIO()}

    def handlers(self) -> list[logging.Handler]:
        made: list[logging.Handler] = []
        for name, formatter in (("json", JsonFormatter()), ("text", TextFormatter())):
            handler = logging.StreamHandler(self.streams[name])
            handler.setFormatter(formatter)
            handler.addFilter(lambda record: not record.name.startswith(OWN_CLIENTS))
            made.append(handler)
        return made

    @property
    def lines(self) -> list[str]:
        return [line for stream in self.streams.values() for line in stream.getvalue().splitlines()]

    def check(self) -> None:
        """Fail with the lines that tell a secret."""
        secrets = {secret.lower() for secret in self.secrets}
        told = [line[:600] for line in self.lines if any(secret in line.lower() for secret in secrets)]
        assert not told, "\n".join(told[:20])


@pytest.fixture
def logs(client: Client) -> Iterator[Logs]:
    settings = client.resources.settings.model_copy(update={"log_level": "DEBUG"})
    root, levels = logging.getLogger(), {}
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        levels[name] = (logger.level, logger.propagate, logger.handlers[:], logger.disabled)
        logger.handlers.clear()
        logger.propagate, logger.level, logger.disabled = True, logging.NOTSET, False
    before = root.level, root.handlers[:]
    logging.config.dictConfig(log_config(settings))
    found = Logs(EMAIL, OTHER_EMAIL, THIRD_EMAIL, OLD, NEW, LAST, NAME, STREET, KEY, *settings.secrets)
    root.handlers[:] = found.handlers()
    root.setLevel(logging.DEBUG)
    yield found
    root.level, root.handlers[:] = before[0], before[1]
    for name, (level, propagate, handlers, disabled) in levels.items():
        logger = logging.getLogger(name)
        logger.propagate, logger.disabled = propagate, disabled
        logger.setLevel(level)
        logger.handlers[:] = handlers
    root.setLevel(before[0])


class Driver:
    """Runs operations, and remembers which, and the tokens that come back."""

    def __init__(self, client: Client, logs: Logs) -> None:
        self.client = client
        self.logs = logs
        self.done: set[str] = set()
        client.rest.event_hooks["response"].append(self._note_route)

    async def _note_route(self, response: httpx.Response) -> None:
        if response.is_success:
            path = re.sub(r"/\d+", "/{}", response.request.url.path)
            self.done.add(f"{response.request.method} {path}")

    def note(self, value: Any) -> None:
        """Take note of the tokens in an answer."""
        if isinstance(value, dict):
            for name, part in value.items():
                if isinstance(part, str) and re.search("(?i)token$", name) and len(part) > 20:
                    self.logs.secrets.add(part)
                self.note(part)

    async def mutate(self, name: str, token: str | None = None, /, **values: Any) -> dict[str, Any]:
        """Run one mutation, which must not fail as a whole."""
        self.done.add(name)
        answer = await self.client.graphql(mutation(name), {"input": values}, token=token)
        self.note(answer.body)
        outcome: dict[str, Any] = answer.data[name]
        return outcome

    async def v1(self, method: str, path: str, **options: Any) -> Any:
        """Send one request, which must succeed."""
        answer = await self.client.v1(method, path, **options)
        assert answer.is_success, (method, path, answer.text)
        body = answer.json() if answer.content else None
        self.note(body)
        return body


async def work(client: Client, smtp: SmtpServer, logs: Logs) -> str | None:
    """Do what a worker does with all that is queued, and return the newest token that was mailed."""
    context = SimpleNamespace(state=SimpleNamespace(resources=client.resources))
    before = len(smtp.received)
    for message in await queued(client.resources):
        task = async_shared_broker.find_task(message["task_name"])
        assert task is not None
        await task.original_func(*message["args"], context=context)
    texts = [received.mail.get_content() for received in smtp.received[before:]]
    tokens = re.findall(r"^[\w-]{43}$", "\n".join(texts).replace("\r", ""), re.MULTILINE)
    logs.secrets.update(tokens)
    return tokens[-1] if tokens else None


@pytest.fixture
async def smtp(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    async with SmtpServer(login=("shop", "zaphod-mail-password")) as server:
        url = f"smtp://shop:zaphod-mail-password@127.0.0.1:{server.port}"
        mailer = SmtpMailer(url, "shop@example.com")
        monkeypatch.setattr(client.resources, "mailer", mailer)
        yield server


async def drive_accounts(driver: Driver, smtp: SmtpServer) -> tuple[User, str]:
    client, logs = driver.client, driver.logs
    admin = await make_token(client.resources, await make_admin())
    logs.secrets |= {admin, "zaphod-mail-password"}
    await driver.mutate("createUser", admin, email=EMAIL, fullName=NAME, password=OLD)
    await client.graphql(mutation("login"), {"input": {"email": EMAIL, "password": NEW}})
    signed_in = await driver.mutate("login", email=EMAIL, password=OLD)
    refreshed = await driver.mutate("refreshToken", refreshToken=signed_in["refreshToken"])
    # Used once more, which the log tells, and which ends the session.
    await driver.mutate("refreshToken", refreshToken=signed_in["refreshToken"])
    assert refreshed["accessToken"]
    access = (await driver.mutate("login", email=EMAIL, password=OLD))["accessToken"]
    access = (await driver.mutate("changePassword", access, currentPassword=OLD, newPassword=NEW))[
        "accessToken"
    ]
    await driver.mutate("requestPasswordReset", email=EMAIL)
    token = await work(client, smtp, logs)
    assert token
    assert (await driver.mutate("resetPassword", token=token, newPassword=LAST))["errors"] == []
    access = (await driver.mutate("login", email=EMAIL, password=LAST))["accessToken"]
    await driver.mutate("requestEmailChange", access, newEmail=OTHER_EMAIL, password=LAST)
    token = await work(client, smtp, logs)
    assert (await driver.mutate("confirmEmailChange", access, token=token))["errors"] == []
    user = await User.get(email=OTHER_EMAIL)
    access = (await driver.mutate("login", email=OTHER_EMAIL, password=LAST))["accessToken"]
    changed = await driver.mutate(
        "updateUser", access, id=global_id(user), email=THIRD_EMAIL, fullName=f"{NAME} 2"
    )
    assert changed["errors"] == []
    token = await work(client, smtp, logs)
    assert (await driver.mutate("revertEmailChange", token=token))["errors"] == []
    for flag, field in (("setUserAdmin", "isAdmin"), ("setUserActive", "isActive")):
        await driver.mutate(flag, admin, id=global_id(user), **{field: False})
        await driver.mutate(flag, admin, id=global_id(user), **{field: True})
    await work(client, smtp, logs)
    await driver.mutate("login", email=OTHER_EMAIL, password=LAST)
    access = (await driver.mutate("login", email=OTHER_EMAIL, password=LAST))["accessToken"]
    return user, access


async def drive_shop(driver: Driver, user: User, access: str) -> None:
    client = driver.client
    admin = await make_token(client.resources, await make_admin())
    made = await driver.mutate("createProduct", admin, name="Towel", price="1.50", onHand=10)
    product = made["product"]["id"]
    await driver.mutate("updateProduct", admin, id=product, name="Good towel")
    await driver.mutate("adjustStock", admin, id=product, delta=5, idempotencyKey=KEY)
    items = [{"productId": product, "quantity": 1}]
    placed = await driver.mutate(
        "createOrder", access, items=items, shippingAddress=STREET, idempotencyKey=KEY
    )
    await driver.mutate("cancelOrder", access, id=placed["order"]["id"])
    placed = await driver.mutate("createOrder", access, items=items, shippingAddress=STREET)
    await process(client.resources, placed["order"]["databaseId"])
    await driver.mutate("archiveProduct", admin, id=product)
    failed = await make_order(user, status=OrderStatus.FAILED, failure_code=FailureCode.PROCESSING_ERROR)
    await driver.mutate("retryOrder", admin, id=global_id(failed))
    for name in ("replayDeadLetters", "dropDeadLetters"):
        await driver.mutate(name, admin, keys=["orders:1-0"])
    for name, arguments in (
        ("me", ""),
        ("orders", "(first: 5)"),
        ("allOrders", SEARCH),
        ("users", SEARCH),
        ("user", f'(id: "{global_id(user)}")'),
        ("order", f'(id: "{placed["order"]["id"]}")'),
        ("product", f'(id: "{product}")'),
        ("products", SEARCH),
        ("node", f'(id: "{global_id(user)}")'),
        ("nodes", f'(ids: ["{global_id(user)}"])'),
        ("stuckOrders", "(first: 5, filter: {openForSeconds: 0})"),
        ("systemStatus", ""),
        ("deadLetters", "(first: 5)"),
        ("apiUsage", "(first: 5)"),
    ):
        driver.done.add(name)
        await client.graphql(f"{{ {name}{arguments} {{ __typename }} }}", token=admin)
    sessions = await client.graphql("{ me { email sessions { id isCurrent } } }", token=access)
    other = next(row["id"] for row in sessions.data["me"]["sessions"] if not row["isCurrent"])
    await driver.mutate("revokeSession", access, id=other)
    await driver.mutate("revokeOtherSessions", access, keepCurrent=True)


async def drive_rest(driver: Driver, user: User) -> None:
    client = driver.client
    login = await driver.v1("POST", "/auth/login", json={"username": OTHER_EMAIL, "password": LAST})
    token = login["access_token"]
    await driver.v1("POST", "/auth/refresh", json={"refresh_token": login["refresh_token"]})
    product = await make_product()
    order = await driver.v1(
        "POST",
        "/orders",
        token=token,
        json={"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": STREET},
        headers={"Idempotency-Key": f"{KEY}-2"},
    )
    for path in (
        "/auth/me",
        "/users",
        f"/users/{user.id}",
        "/orders",
        f"/orders/{order['id']}",
        f"/orders/{order['id']}/events",
        "/products",
        f"/products/{product.id}",
    ):
        answer = await client.v1("GET", path, token=token)
        assert answer.status_code == 200, (path, answer.text)
    await driver.v1("POST", f"/orders/{order['id']}/cancel", token=token)
    await driver.v1("PATCH", f"/users/{user.id}", token=token, json={"full_name": f"{NAME} 3"})
    admin = await make_token(client.resources, await make_admin())
    body: dict[str, Any] = {"email": THIRD_EMAIL, "full_name": NAME, "password": OLD}
    await driver.v1("POST", "/users", token=admin, json=body)
    # What is wrong is answered in our words, and logged in none of the client's.
    for body in (
        {"email": THIRD_EMAIL, "full_name": NAME, "password": OLD},
        {"email": EMAIL, "full_name": NAME, "password": [OLD]},
        {"email": [EMAIL], "full_name": STREET, "password": NEW},
    ):
        assert (await client.v1("POST", "/users", token=admin, json=body)).status_code in (400, 422)
    await client.v1("GET", "/auth/me", token=f"{token}=")
    await driver.v1("DELETE", f"/users/{user.id}", token=token)


def root_fields(kind: GraphQLObjectType | None) -> set[str]:
    assert kind is not None
    return {name for name in kind.fields if not name.startswith("_")}


async def test_every_operation_is_logged_without_secrets(
    client: Client, logs: Logs, smtp: SmtpServer
) -> None:
    driver = Driver(client, logs)
    user, access = await drive_accounts(driver, smtp)
    await drive_shop(driver, user, access)
    await driver.mutate("logout", access)
    await drive_rest(driver, user)
    other = await make_user()
    admin = await make_token(client.resources, await make_admin())
    await driver.mutate("deleteUser", admin, id=global_id(other))
    schema = core_schema(build_schema())
    assert driver.done >= root_fields(schema.mutation_type) | root_fields(schema.query_type)
    documented = {
        f"{method.upper()} {re.sub('{.*?}', '{}', path)}"
        for path, methods in client.app.openapi()["paths"].items()
        for method in methods
        if path.startswith("/api/v1/")
    }
    assert driver.done >= documented
    assert len(documented) > 10
    assert len(logs.lines) > 100
    assert len(logs.secrets) > 20
    logs.check()


async def test_sockets_and_streams_are_logged_without_secrets(serve: Serve, logs: Logs) -> None:
    live = await serve()
    # What uvicorn has set for its own loggers is not what the service sets.
    logging.config.dictConfig(log_config(live.client.resources.settings) | {"handlers": {}, "root": {}})
    logging.getLogger().setLevel(logging.DEBUG)
    user = await make_user(email=EMAIL, full_name=NAME)
    token = await make_token(live.client.resources, user)
    order = await make_order(user, (await make_product(), 1), shipping_address=STREET)
    logs.secrets.add(token)
    socket = await live.socket()
    await socket.init(token)
    document = "subscription($id: ID!) { orderUpdated(id: $id) { shippingAddress user { email fullName } } }"
    await socket.subscribe(document, id=global_id(order))
    assert (await socket.receive())["payload"]["data"]["orderUpdated"]["user"]["email"] == EMAIL
    await process(live.client.resources, order.id)
    while (await socket.receive())["type"] != "complete":
        pass
    await socket.subscribe(
        f'mutation {{ login(input: {{email: "{EMAIL}", password: "{OLD}"}}) {{ accessToken }} }}'
    )
    await socket.receive()
    await socket.connection.send(f'{{"type": "{EMAIL}"}}')
    await socket.closed()
    assert any(line.startswith("{") and '"tandem.requests"' in line for line in logs.lines)
    logs.check()


async def test_a_row_that_the_database_refuses_is_not_told(
    client: Client, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL tells the whole row that breaks a rule, and the key that is there twice."""
    user = await make_user(email=EMAIL, full_name=NAME)

    def failing(**values: Any) -> Callable[..., Any]:
        async def fail(*_: Any, **__: Any) -> None:
            await User.create(
                **({"email": OTHER_EMAIL, "full_name": NAME, "password_hash": "zaphod-hash"} | values)
            )

        return fail

    logs.secrets.add("zaphod-hash")
    token = await make_token(client.resources, user)
    for values in ({"email": EMAIL}, {"version": None}):
        monkeypatch.setattr("graph.resolvers.users.list_users", failing(**values))
        answer = await client.graphql("{ users { totalCount } }", token=token)
        assert answer.codes == ["INTERNAL_ERROR"]
        assert (await client.v1("GET", "/users", token=token)).status_code == 500
    assert any("Traceback" in line for line in logs.lines)
    logs.check()
