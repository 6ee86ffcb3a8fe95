"""Whoever can write to Redis can be a nuisance, and gets nobody's account, data or orders (decision 21)."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from taskiq import TaskiqState
from taskiq.formatters.json_formatter import JSONFormatter
from taskiq.message import TaskiqMessage
from taskiq.receiver import Receiver

from core.resources import Resources
from engine.postgres import fetch
from engine.redis import StreamBroker, publish
from models import OrderStatus
from tasks.broker import QUEUE, broker_for
from tasks.events import orders_channel
from tasks.mail import MAIL_QUEUE
from tasks.order_batches import OrderBatches
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_order, make_product, make_user
from tests.graph.documents import mutate
from tests.graph.test_recovery import ACCEPTED, Postbox, postbox
from tests.servers import until

__all__ = ["postbox"]

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def worker(resources: Resources, **options: Any) -> AsyncIterator[None]:
    """Run a worker in this process, with the resources of the application; *options* are those of its brokers."""
    async with listening(resources, QUEUE, **options), listening(resources, MAIL_QUEUE, **options):
        yield


@asynccontextmanager
async def listening(resources: Resources, queue: str, **options: Any) -> AsyncIterator[None]:
    """Work on what is in one queue."""
    settings = resources.settings
    broker = StreamBroker(settings.redis_url, queue_name=queue, **options)
    broker.formatter = broker_for(settings).formatter
    broker.is_worker_process = True
    broker.state = TaskiqState()
    broker.state.resources, broker.state.orders = resources, OrderBatches(resources)
    stop = asyncio.Event()
    receiver = Receiver(broker, max_async_tasks=10, run_startup=False)
    task = asyncio.create_task(receiver.listen(stop))
    try:
        yield
    finally:
        stop.set()
        await task
        await broker.shutdown()


async def everything_done(redis: Redis) -> None:
    async def is_empty() -> bool:
        return await redis.xlen(QUEUE) + await redis.xlen(MAIL_QUEUE) == 0

    await until(is_empty)


async def letters_in(redis: Redis, stream: str) -> list[dict[Any, Any]]:
    """Return the messages of a stream."""
    found: Any = await redis.xrange(stream)
    return [fields for _, fields in found]


def forged(task: str, *arguments: Any) -> bytes:
    """Return a message as somebody would write it who has read the source and not the key."""
    message = TaskiqMessage(task_id="1", task_name=task, labels={}, args=[*arguments], kwargs={})
    return JSONFormatter().dumps(message).message


async def test_no_task_made_by_hand_is_run(client: Client, postbox: Postbox) -> None:
    """The attack: have a valid token for the account of somebody else mailed to oneself, and follow it."""
    victim = await make_user()
    order = await make_order(victim, (await make_product(), 1))
    redis = client.resources.redis
    messages = [
        forged("mail_email_change", victim.id, "attacker@example.com", victim.version),
        forged("mail_email_change", victim.id, "attacker@example.com"),
        forged("mail_password_reset", victim.email),
        forged("mail_password_changed", victim.id),
        forged("process_orders", [order.id]),
    ]
    for data in messages:
        for queue in (QUEUE, MAIL_QUEUE):
            await redis.xadd(queue, {"data": data})
    async with worker(client.resources):
        await everything_done(redis)
    assert postbox.mails == []
    assert await fetch("SELECT FROM one_time_tokens") == []
    for queue in (QUEUE, MAIL_QUEUE):
        letters = await letters_in(redis, f"{queue}:dead")
        assert [fields["data"].encode() for fields in letters] == messages
        assert {fields["reason"].partition(":")[0] for fields in letters} == {"cannot be parsed"}
    await order.refresh_from_db()
    assert order.status is OrderStatus.PENDING


async def test_a_signed_task_that_was_changed_or_is_for_another_key_is_not_run(
    client: Client, postbox: Postbox
) -> None:
    user = await make_user(email="victim@example.com")
    other = client.resources.settings.model_copy(update={"secret_key": SecretStr("x" * 40)})
    assert await mutate(client, "requestPasswordReset", email=user.email) == ACCEPTED
    redis = client.resources.redis
    (fields,) = await letters_in(redis, MAIL_QUEUE)
    await redis.delete(MAIL_QUEUE)
    foreign = broker_for(other)
    message = broker_for(client.resources.settings).formatter.loads(fields["data"].encode())
    for data in (
        fields["data"].replace("victim@example.com", "second@example.com"),
        fields["data"].replace("mail_password_reset", "mail_password_changed"),
        foreign.formatter.dumps(message).message,
    ):
        await redis.xadd(MAIL_QUEUE, {"data": data})
    async with worker(client.resources):
        await everything_done(redis)
    assert postbox.mails == []
    assert await redis.xlen(f"{MAIL_QUEUE}:dead") == 3


async def test_an_email_change_put_into_the_queue_again_is_void_once_the_password_is_another(
    client: Client, postbox: Postbox
) -> None:
    """The attack: ask with a stolen password, be found out, and send the very message again from Redis."""
    victim = await make_user()
    asked = {"newEmail": "attacker@example.com", "password": PASSWORD}
    assert await mutate(client, "requestEmailChange", user=victim, **asked) == ACCEPTED
    redis = client.resources.redis
    *_, fields = await letters_in(redis, MAIL_QUEUE)
    async with worker(client.resources):
        await everything_done(redis)
        assert "attacker@example.com" in postbox.recipients
        changed = {"currentPassword": PASSWORD, "newPassword": "yet another one"}
        assert not (await mutate(client, "changePassword", user=victim, **changed))["errors"]
        postbox.mails.clear()
        await redis.xadd(MAIL_QUEUE, fields)
        await everything_done(redis)
    assert "attacker@example.com" not in postbox.recipients
    assert await fetch("SELECT FROM one_time_tokens") == []


OTHER = "mutation { logout(input: {}) { signedOut } }"
#: What somebody puts where a document is looked for, by the document.
STORED: dict[str, Callable[[str], str | bytes | list[str]]] = {
    "another document": lambda _: OTHER,
    "nearly the same": lambda text: f"{text} ",
    "no UTF-8": lambda text: b"\xff\xfe" + text.encode(),
    "15 MB": lambda _: "{ __typename } " * 1_000_000,
    "empty": lambda _: "",
    "a list": lambda text: [text],
}


@pytest.mark.parametrize("kind", STORED)
async def test_a_document_in_redis_is_run_only_if_its_hash_is_right(client: Client, kind: str) -> None:
    # Another one each time, for what is found is kept in the process.
    text = f"{{ products {{ totalCount }} }} # {kind}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    body = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    redis, key, stored = client.resources.redis, f"tandem:documents:{digest}", STORED[kind](text)
    await (redis.lpush(key, *stored) if isinstance(stored, list) else redis.set(key, stored))
    answer = (await client.rest.post("/graphql", json=body)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["PERSISTED_QUERY_NOT_FOUND"]
    # What is sent along with the hash takes its place.
    answer = (await client.rest.post("/graphql", json=body | {"query": text})).json()
    assert answer == {"data": {"products": {"totalCount": 0}}}
    assert await redis.get(key) == text


@pytest.mark.parametrize("count", ["-9000000000000000000", "9223372036854775807", "many", b"\xff", None])
async def test_a_count_in_redis_is_never_an_error_and_never_more_than_the_limit(
    client_with: ClientWith, count: str | bytes | None
) -> None:
    client = await client_with(rate_limit_anonymous=5)
    redis = client.resources.redis
    assert (await client.v1("GET", "/products")).headers["x-ratelimit-remaining"] == "4"
    (key,) = await redis.keys("tandem:requests:*")
    await redis.delete(key)
    await (redis.lpush(key, 1) if count is None else redis.set(key, count))
    answer = await client.v1("GET", "/products")
    assert answer.status_code in (200, 429)
    assert 0 <= int(answer.headers["x-ratelimit-remaining"]) <= 5


HOSTILE_PAYLOADS = [
    b"",
    b"\xff\xfe",
    b"x" * 1_000_000,
    b'{"status": "COMPLETED"}',
    b"999999999",
    b"\r\n+OK\r\n",
]


async def test_a_payload_is_a_hint_and_nothing_else(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """No payload is shown to anybody, and none ends the subscriptions of the process."""
    redis: Any = client.resources.redis
    hub = client.resources.events
    victim = await make_user()
    async with hub.subscribe(orders_channel(victim.id)) as events, asyncio.timeout(30):
        for payload in HOSTILE_PAYLOADS:
            await redis.execute_command(
                "PUBLISH", f"{database_of(redis)}/{orders_channel(victim.id)}", payload
            )
            assert await anext(events) is not None
        await publish(redis, (orders_channel(victim.id), "7"))
        assert await anext(events) == "7"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def database_of(redis: Redis) -> int:
    return int(redis.connection_pool.connection_kwargs["db"])
