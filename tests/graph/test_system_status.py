"""Is all well? One operation and one command, which tell the same."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from rich.console import Console
from tortoise import timezone

from core.resources import Resources
from engine.postgres import fetch
from engine.redis import GROUP
from graph.operations import open_orders
from graph.operations.open_orders import MAX_FAILURES
from graph.operations.status import LONG_LOCK_SECONDS, SystemStatus, database_problems, read_status
from graph.operations.status_screen import show_status
from graph.resolvers.order_traces import STUCK_SECONDS
from models import FailureCode, OrderFailure, OrderStatus
from tasks.broker import QUEUE
from tasks.heartbeat import ALIVE_SECONDS, HEARTBEATS, run_heartbeat, send_heartbeat
from tasks.mail import MAIL_QUEUE
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_user
from tests.graph.documents import global_id
from tests.servers import until

pytestmark = pytest.mark.anyio

STATUS = """{ systemStatus { isWell problems checkedAt
    database { orders { status count isEstimate oldestAt } stuckCount retryingCount givenUpCount isMigrated
        lastFailures { order { id } attempt error message }
        lockWaits { pid since kind table blockedBy holder } }
    redis { workers { name since inProgress } queues { queue messages deadLetters } } } }"""


async def listen(redis: Redis, name: str) -> None:
    """Do what a worker does at first: come to the queue, and say that it is alive."""
    if not await redis.exists(QUEUE):
        await redis.xgroup_create(QUEUE, GROUP, id="0", mkstream=True)
    await redis.xgroup_createconsumer(QUEUE, GROUP, name)
    await send_heartbeat(redis, name, datetime.now(UTC))


async def status(client: Client) -> dict[str, Any]:
    answer = await client.graphql(STATUS, user=await make_admin())
    return dict(answer.data["systemStatus"])


async def problems(client: Client) -> list[str]:
    return list((await status(client))["problems"])


async def test_all_is_well_where_a_worker_is_alive_and_nothing_waits(client: Client) -> None:
    await listen(client.resources.redis, "host:1:abcd")
    told = await status(client)
    assert told["isWell"] is True
    assert told["problems"] == []
    assert told["database"]["isMigrated"] is True
    assert [count["status"] for count in told["database"]["orders"]] == [
        status.name for status in OrderStatus
    ]
    ((name, in_progress),) = [(worker["name"], worker["inProgress"]) for worker in told["redis"]["workers"]]
    assert (name, in_progress) == ("host:1:abcd", 0)


async def test_a_worker_without_a_heartbeat_is_not_alive(client: Client) -> None:
    redis = client.resources.redis
    await listen(redis, "host:1:abcd")
    assert 0 < await redis.ttl(HEARTBEATS + "host:1:abcd") <= ALIVE_SECONDS
    await redis.delete(HEARTBEATS + "host:1:abcd")
    assert (await status(client))["redis"]["workers"] == []
    (problem,) = await problems(client)
    assert "tandem worker" in problem


async def test_a_heartbeat_goes_on_through_an_outage_and_ends_with_its_worker(resources: Resources) -> None:
    redis = resources.redis
    beating = asyncio.create_task(run_heartbeat(redis, "host:2:beef"))
    await until(lambda: _exists(redis))
    beating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beating
    assert not await _exists(redis)


async def _exists(redis: Redis) -> bool:
    return bool(await redis.exists(HEARTBEATS + "host:2:beef"))


async def test_what_is_no_heartbeat_is_nobodys(client: Client) -> None:
    redis = client.resources.redis
    await listen(redis, "host:1:abcd")
    for value in ("nonsense", "2026-01-01T00:00:00"):
        await redis.set(HEARTBEATS + "host:1:abcd", value)
        assert (await status(client))["redis"]["workers"] == []


async def test_orders_are_counted_by_status_with_the_age_of_the_oldest(client: Client) -> None:
    await listen(client.resources.redis, "host:1:abcd")
    user = await make_user()
    old = timezone.now() - timedelta(hours=2)
    await make_order(user)
    oldest = await make_order(user)
    await _date_back(oldest.id, old)
    await make_order(user, status=OrderStatus.PROCESSING, attempts=1)
    again = await make_order(user, status=OrderStatus.PROCESSING, attempts=4)
    await _date_back(again.id, old + timedelta(minutes=1))
    await make_order(user, status=OrderStatus.FAILED, failure_code=FailureCode.OUT_OF_STOCK)
    given_up = await make_order(user, status=OrderStatus.FAILED, failure_code=FailureCode.PROCESSING_ERROR)
    long_ago = await make_order(user, status=OrderStatus.FAILED, failure_code=FailureCode.PROCESSING_ERROR)
    await _date_back(long_ago.id, timezone.now() - timedelta(days=3))
    await _date_back(given_up.id, old)
    database = (await status(client))["database"]
    counts = {count["status"]: count["count"] for count in database["orders"]}
    assert counts == {"PENDING": 2, "PROCESSING": 2, "COMPLETED": 0, "FAILED": 3, "CANCELLED": 0}
    assert not any(count["isEstimate"] for count in database["orders"])
    ages = {count["status"]: count["oldestAt"] for count in database["orders"]}
    assert datetime.fromisoformat(ages["PENDING"]) == old
    assert ages["COMPLETED"] is None
    assert (database["stuckCount"], database["retryingCount"], database["givenUpCount"]) == (2, 1, 1)
    told = await problems(client)
    assert any(
        "2 orders" in problem and "2 h 0 min" in problem and f"tandem trace {oldest.id} " in problem
        for problem in told
    )
    assert any(
        "PROCESSING_ERROR" in problem and f"tandem retry {given_up.id} " in problem for problem in told
    )


async def _date_back(order_id: int, when: datetime) -> None:
    await fetch("UPDATE orders SET created_at = $2 WHERE id = $1", [order_id, when])


async def test_more_than_can_be_counted_is_estimated(
    client: Client, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the statistics of the planner, scaled to the present size of the table; never below what was counted."""
    user = await make_user()
    most = open_orders.MAX_COUNTED_FINAL
    await superuser.execute(
        """
        INSERT INTO orders (user_id, status, shipping_address)
        SELECT $1, CASE WHEN number % 4 = 0 THEN 'cancelled' ELSE 'completed' END, '1 Test Street'
        FROM generate_series(1, $2::int) AS number
        """,
        user.id,
        2 * most,
    )
    counts = {count["status"]: count for count in (await status(client))["database"]["orders"]}
    assert counts["COMPLETED"]["count"] >= most
    assert counts["COMPLETED"]["isEstimate"]
    assert (counts["CANCELLED"]["count"], counts["CANCELLED"]["isEstimate"]) == (most // 2, False)
    await superuser.execute("ANALYZE orders")
    counts = {count["status"]: count for count in (await status(client))["database"]["orders"]}
    assert counts["COMPLETED"]["count"] == pytest.approx(1.5 * most, rel=0.1)


async def test_counting_never_scans_the_table(client: Client, superuser: asyncpg.Connection) -> None:
    """However few orders a status has, and whatever the planner believes of them."""
    user = await make_user()
    await superuser.execute(
        "INSERT INTO orders (user_id, status, shipping_address) SELECT $1, 'completed', 'x'"
        " FROM generate_series(1, 50000)",
        user.id,
    )
    await superuser.execute("ANALYZE orders")
    for statement, values in (
        (open_orders.COUNT, open_orders.COUNT_ARGUMENTS),
        (open_orders.COUNT_TROUBLE, (STUCK_SECONDS,)),
    ):
        rows = await superuser.fetch(f"EXPLAIN {statement}", *values)
        plan = "\n".join(row[0] for row in rows)
        assert "Seq Scan on orders" not in plan, plan


async def test_who_waits_for_a_lock_is_told_with_who_holds_it(client: Client, database_url: str) -> None:
    redis, product = client.resources.redis, await make_product()
    await listen(redis, "host:1:abcd")
    lock = f"SELECT FROM products WHERE id = {product.id} FOR UPDATE"
    holder = await asyncpg.connect(database_url, server_settings={"application_name": "a forgotten psql"})
    waiter = await asyncpg.connect(database_url)
    try:
        await holder.execute(f"BEGIN; {lock}")
        waiting = asyncio.ensure_future(waiter.execute(lock))

        async def is_waiting() -> bool:
            return bool((await status(client))["database"]["lockWaits"])

        await until(is_waiting)
        (wait,) = (await status(client))["database"]["lockWaits"]
        assert (wait["pid"], wait["blockedBy"]) == (waiter.get_server_pid(), [holder.get_server_pid()])
        assert (wait["kind"], wait["table"]) == ("transactionid", "products")
        assert f"process {holder.get_server_pid()} (a forgotten psql of " in wait["holder"]
        found = await read_status(client.resources)
        assert found.is_well  # it is usual for a moment
        late = replace(found, checked_at=found.checked_at + timedelta(seconds=LONG_LOCK_SECONDS + 1))
        assert found.database is not None
        assert any(
            str(wait["pid"]) in problem for problem in database_problems(found.database, late.checked_at)
        )
        await holder.execute("ROLLBACK")
        await waiting
    finally:
        await holder.close()
        await waiter.close()


async def test_a_transaction_that_keeps_locks_and_does_nothing_is_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = await make_product()
    await listen(client.resources.redis, "host:1:abcd")
    url = client.resources.settings.database_url
    holder = await asyncpg.connect(url, server_settings={"application_name": "a forgotten psql"})
    reader = await asyncpg.connect(url)
    try:
        await holder.execute(f"BEGIN; SELECT FROM products WHERE id = {product.id} FOR UPDATE")
        await reader.execute("BEGIN; SELECT FROM products")
        assert await problems(client) == []  # it is usual for a moment
        monkeypatch.setattr("graph.operations.status.LONG_IDLE_SECONDS", 0)
        (problem,) = await problems(client)
        assert f"Process {holder.get_server_pid()} of PostgreSQL (a forgotten psql of " in problem
        await holder.execute("ROLLBACK")
        assert await problems(client) == []
    finally:
        await holder.close()
        await reader.close()


async def test_an_order_that_is_retried_while_orders_are_counted_is_told(resources: Resources) -> None:
    found = await read_status(resources)
    assert found.database is not None
    counted_later = replace(found.database, stuck_count=1, oldest_open=7)
    (problem,) = database_problems(counted_later, found.checked_at)
    assert problem.startswith("1 order open for longer than 60 seconds")


async def test_the_last_errors_are_those_of_any_order(client: Client) -> None:
    order = await make_order(await make_user())
    for attempt in range(1, MAX_FAILURES + 3):
        await OrderFailure.create(
            order_id=order.id, attempt=attempt, error="ValueError", message="what broke"
        )
    found = await read_status(client.resources)
    assert found.database is not None
    attempts = [failure.attempt for failure in found.database.last_failures]
    assert attempts == list(range(MAX_FAILURES + 2, 2, -1))
    assert "ValueError: what broke" in shown(found)
    told = (await status(client))["database"]["lastFailures"]
    assert told[0] == {
        "order": {"id": global_id(order)},
        "attempt": MAX_FAILURES + 2,
        "error": "ValueError",
        "message": "what broke",
    }


async def test_dead_letters_are_a_problem(client: Client) -> None:
    redis = client.resources.redis
    await listen(redis, "host:1:abcd")
    await redis.xadd(f"{MAIL_QUEUE}:dead", {"data": "x", "reason": "y", "message_id": "1-0"})
    queues = {queue["queue"]: queue for queue in (await status(client))["redis"]["queues"]}
    assert (queues["ORDERS"]["deadLetters"], queues["MAIL"]["deadLetters"]) == (0, 1)
    (problem,) = await problems(client)
    assert "tandem dead list" in problem


def shown(found: SystemStatus) -> str:
    """Return what the command prints into a pipe."""
    written = StringIO()
    show_status(found, Console(file=written, highlight=False))
    return written.getvalue()


async def test_the_screen_says_what_the_operation_says(client: Client) -> None:
    await listen(client.resources.redis, "host:1:abcd")
    await make_order(await make_user())
    found = await read_status(client.resources)
    lines = shown(found)
    assert "All is well" in lines
    for word in ("host:1:abcd", "pending", "cancelled", "mail", "dead letters"):
        assert word in lines, lines
    assert "\x1b" not in lines
    coloured = StringIO()
    show_status(found, Console(file=coloured, width=120, force_terminal=True, color_system="standard"))
    assert "\x1b[1;32mAll is well" in coloured.getvalue()
