"""The user of Redis that ``docs/operations.md`` tells to make suffices for everything, and is good for little else."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from taskiq import async_shared_broker

from core.resources import Resources
from dev import EmbeddedValkey
from engine.cancellation import cancel_and_wait
from engine.redis import GROUP
from graph.endpoint.documents import PersistedDocuments
from graph.operations.dead_letters import drop, read_dead_letters, replay
from graph.operations.dead_letters_command import to_all
from graph.operations.doctor_redis import look_at_redis
from graph.operations.findings import Findings, State
from graph.operations.status import read_status
from graph.resolvers.order_events import watch_order_events
from models import OrderStatus
from tasks.backlog import Backlog
from tasks.broker import QUEUE, broker_for
from tasks.events import orders_channel
from tasks.heartbeat import run_heartbeat
from tasks.orders import enqueue_orders, process_orders
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_context_of, make_order, make_product, make_user
from tests.graph.documents import global_id, mutate
from tests.graph.test_recovery import Postbox
from tests.security.test_redis import worker
from tests.servers import SECONDS, is_subscribed, own_valkey, until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def rules() -> list[str]:
    """Return the rules of the user, as operators are told them."""
    found: str
    (found,) = re.findall(
        r"^ACL SETUSER tandem (.+?)\n\n?```",
        (ROOT / "docs/operations.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    return found.replace("\\\n", " ").split()


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    with own_valkey() as server:
        yield server


@pytest.fixture
async def admin(valkey: EmbeddedValkey) -> AsyncIterator[Any]:
    """The operator, who has just made the user, with a password."""
    redis: Any
    async with Redis.from_url(valkey.url(3), decode_responses=True) as redis:
        await redis.flushall()
        words = [word.replace("PASSWORD", "secret") for word in rules()]
        await redis.execute_command("ACL", "SETUSER", "tandem", *words)
        await redis.execute_command("ACL", "LOG", "RESET")
        yield redis


@pytest.fixture
def url(valkey: EmbeddedValkey, admin: Any) -> str:
    """Address for the user."""
    return f"redis://tandem:secret@127.0.0.1:{valkey.port}/3"


@pytest.fixture
async def client(client_with: ClientWith, url: str) -> AsyncIterator[Client]:
    """A client of an application that is the user, and sends its tasks as such."""
    limits = {
        "rate_limit_user": 100,
        "rate_limit_anonymous": 100,
        "sign_in_limit_account": 5,
        "sign_in_limit_address": 50,
    }
    client = await client_with(redis_url=url, **limits)
    before = process_orders.kicker().broker
    broker = broker_for(client.resources.settings)
    async_shared_broker.default_broker(broker)
    yield client
    async_shared_broker.default_broker(before)
    await broker.shutdown()


@pytest.fixture
def postbox(client: Client, monkeypatch: pytest.MonkeyPatch) -> Postbox:
    box = Postbox()
    monkeypatch.setattr(client.resources, "mailer", box)
    return box


async def is_denied_nothing(admin: Any) -> bool:
    denied: Any = await admin.execute_command("ACL", "LOG")
    assert denied == []
    return True


async def test_everything_works_under_it(client: Client, admin: Any, postbox: Postbox) -> None:
    """Sign-in and its limits, the whole way of an order with its subscription, documents, mails."""
    user, product = await make_user(), await make_product()
    assert (await mutate(client, "login", email=user.email, password="wrong"))["errors"]
    token = (await mutate(client, "login", email=user.email, password=PASSWORD))["accessToken"]
    answer = await client.v1("GET", "/orders", token=token)
    assert int(answer.headers["x-ratelimit-remaining"]) < 100

    query = "{ products { totalCount } } # allowed"
    named = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}}
    for body in ({"query": query, "extensions": named}, {"extensions": named}):
        assert (await client.rest.post("/graphql", json=body)).json()["data"]
    other = PersistedDocuments(client.resources.redis, {}, only_trusted=False, max_shared=0)
    assert await other.find(None, named) == query
    await other.keep("{ __typename }")

    ctx = await make_context_of(client.resources, user)
    async with (
        worker(client.resources),
        aclosing(watch_order_events(ctx)) as events,
        asyncio.timeout(SECONDS),
    ):
        first = asyncio.ensure_future(anext(events))
        await until(lambda: is_subscribed(admin, orders_channel(user.id)))
        input: dict[str, Any] = {
            "items": [{"productId": global_id(product), "quantity": 1}],
            "shippingAddress": "1 Test Street",
        }
        assert not (await mutate(client, "createOrder", token=token, **input))["errors"]
        statuses = [(await first).status, *[(await anext(events)).status for _ in range(2)]]
        assert statuses == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.COMPLETED]
        await mutate(client, "requestPasswordReset", email=user.email)
        await admin.xadd(QUEUE, {"data": "not ours"})
        await until(lambda: bool(postbox.mails))
        await until(lambda: is_empty(admin))
        assert await admin.xlen(f"{QUEUE}:dead") == 1
    assert (await mutate(client, "logout", token=token))["signedOut"]
    assert (await client.rest.get("/health/ready")).json()["checks"]["redis"] == "ok"
    told = {metric.name: metric.samples for metric in await Backlog(client.resources).metrics()}
    assert [sample.value for sample in told["tandem_backlog_readable"]] == [1, 1]
    assert told["tandem_dead_letters"][0].value == 1
    await is_denied_nothing(admin)


async def test_what_the_broker_does_now_and_then_is_allowed_too(client: Client, admin: Any, url: str) -> None:
    """Requeueing, taking over from a dead worker, and removing it, with a queue that is flushed in between."""
    order = await make_order(await make_user(), (await make_product(), 1))
    for flush in (False, True):
        if flush:
            await admin.flushdb()
        await enqueue_orders([order.id])
        with suppress(ResponseError):
            await admin.xgroup_create(QUEUE, "workers", id="0", mkstream=True)
        await admin.xreadgroup("workers", "dead", {QUEUE: ">"})
        async with worker(client.resources, idle_timeout=0.05, prune_after=0.0):
            await until(lambda: is_empty(admin))
            await until(lambda: has_only_one_consumer(admin))
    await is_denied_nothing(admin)


async def test_what_operators_ask_is_allowed_too(client: Client, admin: Any, url: str) -> None:
    """Signs of life of the workers, the state of the queues, dead letters, and what the doctor looks at."""
    redis = client.resources.redis
    with suppress(ResponseError):
        await admin.xgroup_create(QUEUE, GROUP, id="0", mkstream=True)
    beating = asyncio.create_task(run_heartbeat(redis, "host:1:abcd"))
    await admin.xgroup_createconsumer(QUEUE, GROUP, "host:1:abcd")
    await admin.xadd(f"{QUEUE}:dead", {"data": "x", "reason": "y"}, id="1-1")
    await admin.xadd(f"{QUEUE}:dead", {"data": "x", "reason": "y"}, id="1-2")
    await until(lambda: is_alive(client.resources))
    assert len(await read_dead_letters(client.resources, count=10)) == 2
    assert await replay(client.resources, ["orders:1-1"]) == 1
    assert await to_all(client.resources, work=drop) == 1
    await cancel_and_wait(beating)
    assert not await is_alive(client.resources)
    found = Findings("Redis")
    await look_at_redis(client.resources.settings, found)
    assert {finding.state for finding in found.list} == {State.OK}, found.list
    await is_denied_nothing(admin)


async def is_alive(resources: Resources) -> bool:
    status = await read_status(resources)
    return status.redis is not None and bool(status.redis.workers)


FORBIDDEN: list[tuple[str, ...]] = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "dir", "/tmp"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "tandem", "allkeys"),
    ("SHUTDOWN",),
    ("SAVE",),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("MODULE", "LIST"),
    ("MONITOR",),
    ("CLIENT", "LIST"),
    ("FUNCTION", "LIST"),
    ("MIGRATE", "127.0.0.1", "1", "tandem:tasks", "0", "1"),
    ("GET", "somebody:else"),
    ("SET", "somebody:else", "1"),
    ("DEL", "somebody:else"),
    ("XADD", "somebody:else", "*", "a", "1"),
    ("EVAL", "return redis.call('GET', 'somebody:else')", "0"),
    ("EVAL", "return redis.call('FLUSHALL')", "0"),
    ("PUBLISH", "3/somebody:else", "1"),
    ("SUBSCRIBE", "3/somebody:else"),
    ("PSUBSCRIBE", "*"),
    ("HSET", "tandem:x", "a", "1"),
]


@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
async def test_the_user_may_do_nothing_else(url: str, command: tuple[str, ...]) -> None:
    redis: Any
    async with Redis.from_url(url) as redis:
        with pytest.raises(ResponseError, match=r"(?i)permission|NOPERM|can.t run"):
            await redis.execute_command(*command)


def test_compose_gives_its_user_the_same() -> None:
    """In a file of configuration the password stands where the shell puts it."""
    text = (ROOT / "docker-compose.yml").read_text()
    (line,) = re.findall(r"^ *user tandem (.+)$", text, re.MULTILINE)
    assert line.replace("$$(cat /run/secrets/valkey_password)", "PASSWORD").split() == rules()
    assert re.search(r"^ *user default off$", text, re.MULTILINE)


async def is_empty(admin: Any) -> bool:
    return bool(await admin.xlen(QUEUE) == 0)


async def has_only_one_consumer(admin: Any) -> bool:
    consumers: Any = await admin.xinfo_consumers(QUEUE, "workers")
    return {consumer["name"] for consumer in consumers}.isdisjoint({"dead", "requeued"})
