"""Messages that workers have given up: who may see them, what is told of them, and what becomes of them."""

from typing import Any

import pytest
from redis.asyncio import Redis
from taskiq.message import TaskiqMessage

from core.resources import Resources
from graph.operations.dead_letters import MAX_LETTERS, drop, read_dead_letters, replay
from graph.operations.dead_letters_command import to_all
from models import Order, OrderFailure
from tasks.broker import QUEUE, broker_for
from tasks.mail import MAIL_QUEUE
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_user
from tests.graph.documents import global_id, mutate, refusals
from tests.security.test_redis import everything_done, worker

pytestmark = pytest.mark.anyio

LIST = """query ($first: Int, $queue: Queue) { deadLetters(first: $first, queue: $queue) {
    key queue task orders { id } orderCount deliveries reason lastError sentAt diedAt } }"""


def signed(resources: Resources, task: str, *arguments: Any) -> str:
    """Return a message as the application sends it."""
    message = TaskiqMessage(task_id="1", task_name=task, labels={}, args=list(arguments), kwargs={})
    return broker_for(resources.settings).formatter.dumps(message).message.decode()


async def give_up(redis: Redis, data: str, *, queue: str = QUEUE, **fields: str) -> str:
    """Put a message where a broker puts those that it gives up, and return its key."""
    letter: dict[Any, Any] = {"data": data, "reason": "a reason", "message_id": "1795788000000-0", **fields}
    id_: Any = await redis.xadd(f"{queue}:dead", letter)
    return f"{'mail' if queue == MAIL_QUEUE else 'orders'}:{id_}"


async def listed(client: Client, **variables: Any) -> list[dict[str, Any]]:
    answer = await client.graphql(LIST, variables, user=await make_admin())
    return list(answer.data["deadLetters"])


async def test_an_administrator_sees_what_was_given_up_and_why(client: Client) -> None:
    redis, order = client.resources.redis, await make_order(await make_user())
    await OrderFailure.create(order_id=order.id, attempt=1, error="ValueError", message="what came first")
    await OrderFailure.create(order_id=order.id, attempt=2, error="LockNotAvailable", message="of products")
    first = await give_up(redis, signed(client.resources, "process_orders", [order.id, 999]), deliveries="5")
    mail = signed(client.resources, "mail_password_reset", "ada@example.com")
    second = await give_up(redis, mail, queue=MAIL_QUEUE)
    third = await give_up(redis, "not ours")
    found = {letter["key"]: letter for letter in await listed(client)}
    assert set(found) == {first, second, third}
    assert found[first]["task"] == "process_orders"
    assert found[first]["orders"] == [{"id": global_id(order)}]
    assert (found[first]["orderCount"], found[first]["deliveries"]) == (2, 5)
    assert found[first]["reason"] == "a reason"
    assert found[first]["lastError"] == "LockNotAvailable: of products"
    assert found[first]["sentAt"].startswith("2026-11-27T")
    assert (found[second]["queue"], found[second]["task"]) == ("MAIL", "mail_password_reset")
    assert "ada@" not in str(found)
    assert (found[third]["task"], found[third]["deliveries"]) == (None, None)
    assert [letter["key"] for letter in await listed(client, queue="MAIL")] == [second]
    assert len(await listed(client, first=1)) == 1


async def test_what_is_sent_again_is_done_once(client: Client) -> None:
    redis = client.resources.redis
    order = await make_order(await make_user(), (await make_product(), 1))
    key = await give_up(redis, signed(client.resources, "process_orders", [order.id]))
    admin = await make_admin()
    assert (await mutate(client, "replayDeadLetters", user=admin, keys=[key, key]))["count"] == 1
    assert (await mutate(client, "replayDeadLetters", user=admin, keys=[key]))["count"] == 0
    assert await redis.xlen(f"{QUEUE}:dead") == 0
    async with worker(client.resources):
        await everything_done(redis)
    assert (await Order.get(id=order.id)).status == "completed"


async def test_what_is_dropped_is_gone_and_its_order_is_not(client: Client) -> None:
    redis, order = client.resources.redis, await make_order(await make_user())
    key = await give_up(redis, signed(client.resources, "process_orders", [order.id]))
    assert (await mutate(client, "dropDeadLetters", user=await make_admin(), keys=[key]))["count"] == 1
    assert await listed(client) == []
    assert await redis.xlen(QUEUE) == 0
    assert (await Order.get(id=order.id)).status == "pending"


@pytest.mark.parametrize(
    "keys", [[], ["orders:1-0"] * (MAX_LETTERS + 1), ["tandem:tasks:1-0"], ["orders:*"], ["mail:1"]]
)
@pytest.mark.parametrize("name", ["replayDeadLetters", "dropDeadLetters"])
async def test_what_is_no_key_is_refused(client: Client, name: str, keys: list[str]) -> None:
    outcome = await mutate(client, name, user=await make_admin(), keys=keys)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "keys"])]


@pytest.mark.parametrize("first", [0, MAX_LETTERS + 1, -1])
async def test_no_more_than_a_page_is_listed(client: Client, first: int) -> None:
    answer = await client.graphql(LIST, {"first": first}, user=await make_admin())
    assert answer.codes == ["VALIDATION_ERROR"]


async def test_all_means_what_was_there_at_the_beginning(resources: Resources) -> None:
    """What dies again while it is sent again would keep the loop going for ever."""
    redis = resources.redis
    for number in range(2 * MAX_LETTERS + 1):
        await give_up(redis, f"letter {number}", queue=MAIL_QUEUE if number % 2 else QUEUE)

    async def replay_and_die_again(resources: Resources, keys: list[str]) -> int:
        count = await replay(resources, keys)
        await give_up(redis, "again")
        return count

    assert await to_all(resources, work=replay_and_die_again) == 2 * MAX_LETTERS + 1
    assert await redis.xlen(QUEUE) == MAX_LETTERS + 1
    assert await redis.xlen(f"{QUEUE}:dead") > 0
    again = await read_dead_letters(resources, count=MAX_LETTERS)
    assert await to_all(resources, work=drop) == len(again)
    assert await read_dead_letters(resources, count=1) == []


async def test_without_redis_it_is_unavailable(client_with: Any) -> None:
    client = await client_with(redis_url="redis://127.0.0.1:1/0")
    answer = await client.graphql(LIST, user=await make_admin())
    assert answer.codes == ["SERVICE_UNAVAILABLE"]
    outcome = await mutate(client, "dropDeadLetters", user=await make_admin(), keys=["mail:1-0"])
    assert refusals(outcome) == [("SERVICE_UNAVAILABLE", None)]
