"""The audit is audited: each kind of corruption is found, and named by the right rule and the right row.

Who mends a database by hand, or restores a part of a dump, can do what no constraint and no trigger would let pass: all
of these are off meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from fastapi import FastAPI

from graph.resolvers.orders import cancel_order
from graph.resolvers.products import archive_product
from graph.resolvers.stock_movements import adjust_stock
from graph.resolvers.users import delete_user
from models.audit import RULES, STATEMENTS, Finding, audit, audit_snapshot
from models.audit.guards import GUARDS
from models.audit.rule import Check, Screen
from tests.conftest import empty_tables
from tests.worlds import World

pytestmark = pytest.mark.anyio

MUG, BOWL, RARE, GONE, NEVER = range(1, 6)
ADMIN, ADA, BOB, CY = range(1, 5)
COMPLETED, SHORT, UNAVAILABLE, FAULTY, CANCELLED, STOPPED, PROCESSING, PENDING, ERASED, LATER = range(1, 11)


@pytest.fixture(scope="module")
async def world(app: FastAPI, superuser: asyncpg.Connection) -> World:
    """A shop with an order of each kind. Ids begin with 1 and have no gaps."""
    await empty_tables(superuser)
    await app.state.resources.redis.flushdb()
    world = await World.begin(app.state.resources)
    ada, bob, cy = [await world.join() for _ in range(3)]
    for on_hand in (40, 40, 1, 40, 0):
        await world.stock(on_hand)
    await adjust_stock(world.admin, MUG, delta=5, idempotency_key="k")
    await world.process(await world.place(ada, (MUG, 2), (BOWL, 3), (MUG, 1), key="a", reference="A"))
    await world.process(await world.place(ada, (RARE, 5)))
    unavailable = await world.place(ada, (GONE, 1), (RARE, 5))
    await archive_product(world.admin, GONE)
    await world.process(unavailable)
    await world.give_up(await world.place(ada, (MUG, 1)))
    await cancel_order(ada, await world.place(ada, (MUG, 1)))
    stopped = await world.place(bob, (MUG, 1))
    await world.claim(stopped)
    await cancel_order(world.admin, stopped)
    await world.claim(await world.place(bob, (MUG, 1)))
    await world.place(bob, (MUG, 1), key="b", reference="B")
    await world.process(await world.place(cy, (BOWL, 1)))
    await delete_user(world.admin, CY)
    await world.erase()
    await world.process(await world.place(bob, (BOWL, 1)))
    assert world.orders == [*range(COMPLETED, LATER + 1)]
    return world


async def test_a_shop_with_an_order_of_each_kind_has_no_findings(world: World) -> None:
    assert await audit(world.resources.settings.database_url) == []


_NEW_EVENT = "INSERT INTO order_events (id, order_id, user_id, status, failure_code, actor_id) VALUES"
_NEW_ITEM = (
    "INSERT INTO order_items (id, order_id, product_id, product_name, quantity, accepted_price) VALUES"
)
_NEW_KEY = "INSERT INTO idempotency_keys (id, user_id, key, request_hash, order_id, expires_at) VALUES"
_NEW_MOVEMENT = (
    "INSERT INTO stock_movements (id, product_id, delta, on_hand_after, reason, order_id, actor_id) VALUES"
)
#: What somebody did; the finding that names it: rule, table and key; and the rules that name what follows from it.
CORRUPTIONS: dict[str, tuple[str, str, str]] = {
    "stock changed without the ledger": (
        "UPDATE products SET on_hand = 7 WHERE id = 1",
        "stock products 1",
        "",
    ),
    "stock of a product without a ledger": (
        "UPDATE products SET on_hand = 7 WHERE id = 5",
        "stock products 5",
        "",
    ),
    "stock below nothing": (
        "UPDATE products SET on_hand = -1 WHERE id = 5",
        "stock-not-negative products 5",
        "stock",
    ),
    "last sale forgotten": (
        "DELETE FROM stock_movements WHERE id = 9",
        "sales order_items 13",
        "stock",
    ),
    "sale in the middle forgotten": (
        "DELETE FROM stock_movements WHERE id = 8",
        "ledger-chain stock_movements 9",
        "sales",
    ),
    "first entry forgotten": (
        "DELETE FROM stock_movements WHERE id = 1",
        "ledger-chain stock_movements 5",
        "",
    ),
    "quantity of a sale changed": (
        "UPDATE stock_movements SET delta = -2 WHERE id = 8",
        "ledger-chain stock_movements 8",
        "sales",
    ),
    "balance of an entry changed": (
        "UPDATE stock_movements SET on_hand_after = 20 WHERE id = 7",
        "ledger-chain stock_movements 7",
        "",
    ),
    "all of a ledger shifted below nothing": (
        "UPDATE stock_movements SET on_hand_after = on_hand_after - 100 WHERE product_id = 3",
        "stock-not-negative stock_movements 3",
        "ledger-chain ledger-entry stock",
    ),
    "sale noted twice": (
        f"{_NEW_MOVEMENT} (100, 2, -1, 34, 'sale', 10, NULL); UPDATE products SET on_hand = 34 WHERE id = 2",
        "sales stock_movements 9",
        "sequences",
    ),
    "sale of a gift noted twice": (
        "UPDATE order_items SET accepted_price = 0, unit_price = 0 WHERE id = 13;"
        "UPDATE orders SET total = 0 WHERE id = 10;"
        f"{_NEW_MOVEMENT} (100, 2, -1, 34, 'sale', 10, NULL); UPDATE products SET on_hand = 34 WHERE id = 2",
        "sales stock_movements 9",
        "sequences",
    ),
    "sale of one of two lines that are alike": (
        f"{_NEW_ITEM} (100, 10, 2, 'Bowl', 1, 0)",
        "sales stock_movements 9",
        "sequences",
    ),
    "sale split in two": (
        "UPDATE stock_movements SET delta = -2, on_hand_after = 43 WHERE id = 6;"
        f"{_NEW_MOVEMENT} (100, 1, -1, 42, 'sale', 1, NULL)",
        "sales stock_movements 6",
        "sequences",
    ),
    "sale moved to another order": (
        "UPDATE stock_movements SET order_id = 5 WHERE id = 6",
        "sales stock_movements 6",
        "",
    ),
    "sale moved to another product": (
        "UPDATE stock_movements SET product_id = 1 WHERE id = 9",
        "ledger-chain stock_movements 9",
        "sales stock",
    ),
    "sale for an order that failed": (
        f"{_NEW_MOVEMENT} (100, 3, -1, 0, 'sale', 2, NULL); UPDATE products SET on_hand = 0 WHERE id = 3",
        "sales stock_movements 100",
        "sequences",
    ),
    "sale without an order": (
        "UPDATE stock_movements SET order_id = NULL WHERE id = 6",
        "ledger-entry stock_movements 6",
        "sales",
    ),
    "sale that adds": (
        f"{_NEW_MOVEMENT} (100, 3, 2, 3, 'sale', 2, NULL); UPDATE products SET on_hand = 3 WHERE id = 3",
        "ledger-entry stock_movements 100",
        "sales sequences",
    ),
    "adjustment by nobody": (
        "UPDATE stock_movements SET actor_id = NULL WHERE id = 5",
        "ledger-entry stock_movements 5",
        "",
    ),
    "adjustment for an order": (
        "UPDATE stock_movements SET order_id = 1 WHERE id = 5",
        "ledger-entry stock_movements 5",
        "",
    ),
    "movement for no reason": (
        "UPDATE stock_movements SET reason = 'theft' WHERE id = 5",
        "ledger-entry stock_movements 5",
        "",
    ),
    "movement by nothing": (
        f"{_NEW_MOVEMENT} (100, 3, 0, 1, 'adjustment', NULL, 1)",
        "ledger-entry stock_movements 100",
        "sequences",
    ),
    "second beginning of a ledger": (
        "UPDATE stock_movements SET reason = 'initial', actor_id = 1, idempotency_key = NULL WHERE id = 5",
        "ledger-entry stock_movements 5",
        "",
    ),
    "items forgotten": (
        "DELETE FROM order_items WHERE order_id = 8",
        "order-items orders 8",
        "",
    ),
    "items of a completed order forgotten": (
        "DELETE FROM order_items WHERE order_id = 10",
        "order-items orders 10",
        "order-total sales",
    ),
    "quantity of an item changed": (
        "UPDATE order_items SET quantity = 4 WHERE id = 2",
        "order-total orders 1",
        "sales",
    ),
    "product of an item changed": (
        "UPDATE order_items SET product_id = 1 WHERE id = 13",
        "sales order_items 13",
        "",
    ),
    "item added to a completed order": (
        f"{_NEW_ITEM} (100, 10, 1, 'Mug', 1, 150)",
        "prices-published order_items 100",
        "order-total sales sequences",
    ),
    "item of nothing": (
        "UPDATE order_items SET quantity = 0 WHERE id = 11",
        "item-values order_items 11",
        "",
    ),
    "price below nothing": (
        "UPDATE order_items SET accepted_price = -1 WHERE id = 11",
        "item-values order_items 11",
        "",
    ),
    "total changed": (
        "UPDATE orders SET total = total + 1 WHERE id = 1",
        "order-total orders 1",
        "",
    ),
    "total of an order that failed": (
        "UPDATE orders SET total = 150 WHERE id = 4",
        "order-total orders 4",
        "",
    ),
    "accepted price changed": (
        "UPDATE order_items SET accepted_price = 1, unit_price = 1 WHERE id = 13",
        "order-total orders 10",
        "",
    ),
    "price published too early": (
        "UPDATE order_items SET unit_price = accepted_price WHERE id = 10",
        "prices-published order_items 10",
        "",
    ),
    "price of a completed order not published": (
        "UPDATE order_items SET unit_price = 0 WHERE id = 13",
        "prices-published order_items 13",
        "",
    ),
    "final order still due": (
        "UPDATE orders SET due_at = now() WHERE id = 5",
        "order-due orders 5",
        "",
    ),
    "open order never due": (
        "UPDATE orders SET due_at = NULL WHERE id = 8",
        "order-due orders 8",
        "",
    ),
    "unknown status": (
        "UPDATE orders SET status = 'shipped' WHERE id = 5",
        "order-due orders 5",
        "history-end order-claimed",
    ),
    "completed without a claim": (
        "UPDATE orders SET attempts = 0 WHERE id = 1",
        "order-claimed orders 1",
        "",
    ),
    "claims below nothing": (
        "UPDATE orders SET attempts = -1 WHERE id = 8",
        "order-claimed orders 8",
        "",
    ),
    "failed without a code": (
        "UPDATE orders SET failure_code = NULL WHERE id = 4",
        "order-failure orders 4",
        "history-end",
    ),
    "code of an order that did not fail": (
        "UPDATE orders SET failure_code = 'OUT_OF_STOCK' WHERE id = 5",
        "order-failure orders 5",
        "history-end",
    ),
    "unknown code": (
        "UPDATE orders SET failure_code = 'BAD_LUCK' WHERE id = 4",
        "order-failure orders 4",
        "history-end",
    ),
    "item failed in an order that did not": (
        "UPDATE order_items SET failure_code = 'OUT_OF_STOCK', available = 0 WHERE id = 13",
        "item-failure order_items 13",
        "",
    ),
    "item failed graver than its order": (
        "UPDATE order_items SET failure_code = 'PRODUCT_UNAVAILABLE', available = NULL WHERE id = 4",
        "item-failure order_items 4",
        "",
    ),
    "enough was there": (
        "UPDATE order_items SET available = 5 WHERE id = 4",
        "item-failure order_items 4",
        "",
    ),
    "not known how much was there": (
        "UPDATE order_items SET available = NULL WHERE id = 4",
        "item-failure order_items 4",
        "",
    ),
    "open order without an address": (
        "UPDATE orders SET shipping_address = '' WHERE id = 8",
        "order-address orders 8",
        "",
    ),
    "status changed without an event": (
        "UPDATE orders SET status = 'cancelled', due_at = NULL WHERE id = 8",
        "history-end orders 8",
        "",
    ),
    "completed order reopened": (
        "UPDATE orders SET status = 'pending', due_at = now() WHERE id = 10",
        "history-end orders 10",
        "order-total prices-published sales",
    ),
    "failed order completed": (
        "UPDATE orders SET status = 'completed', failure_code = NULL, total = 150 WHERE id = 4",
        "history-end orders 4",
        "prices-published sales",
    ),
    "history forgotten": (
        "DELETE FROM order_events WHERE order_id = 8",
        "history-end orders 8",
        "",
    ),
    "first event forgotten": (
        "DELETE FROM order_events WHERE id = 1",
        "history-path order_events 2",
        "",
    ),
    "event in the middle forgotten": (
        "DELETE FROM order_events WHERE id = 2",
        "history-path order_events 3",
        "",
    ),
    "last event forgotten": (
        "DELETE FROM order_events WHERE id = 3",
        "history-end orders 1",
        "",
    ),
    "event repeated": (
        f"{_NEW_EVENT} (100, 7, 3, 'processing', NULL, NULL)",
        "history-path order_events 100",
        "sequences",
    ),
    "completed twice": (
        f"{_NEW_EVENT} (100, 1, 2, 'completed', NULL, NULL)",
        "history-path order_events 100",
        "sequences",
    ),
    "cancelled after the end": (
        f"{_NEW_EVENT} (100, 1, 2, 'cancelled', NULL, 2)",
        "history-path order_events 100",
        "history-end sequences",
    ),
    "tried again without a reason": (
        f"{_NEW_EVENT} (100, 2, 2, 'pending', NULL, 1)",
        "history-path order_events 100",
        "history-end sequences",
    ),
    "events in another order": (
        "UPDATE order_events SET id = CASE id WHEN 2 THEN 102 ELSE 103 END WHERE id IN (3, 2);"
        "UPDATE order_events SET id = 101 WHERE id = 103",
        "history-path order_events 101",
        "history-end sequences",
    ),
    "unknown event": (
        "UPDATE order_events SET status = 'shipped' WHERE id = 3",
        "history-path order_events 3",
        "history-end",
    ),
    "event moved to another order": (
        "UPDATE order_events SET order_id = 1 WHERE id = 26",
        "history-path order_events 26",
        "history-end history-names",
    ),
    "event of another user": (
        "UPDATE order_events SET user_id = 3 WHERE id = 2",
        "history-names order_events 2",
        "",
    ),
    "another reason in the history": (
        "UPDATE order_events SET failure_code = 'OUT_OF_STOCK' WHERE id = 12",
        "history-end orders 4",
        "",
    ),
    "reason of a success": (
        "UPDATE order_events SET failure_code = 'OUT_OF_STOCK' WHERE id = 2",
        "history-names order_events 2",
        "",
    ),
    "cancelled by nobody": (
        "UPDATE order_events SET actor_id = NULL WHERE id = 14",
        "history-names order_events 14",
        "",
    ),
    "placed by nobody": (
        "UPDATE order_events SET actor_id = NULL WHERE id = 1",
        "history-names order_events 1",
        "",
    ),
    "completed by a person": (
        "UPDATE order_events SET actor_id = 1 WHERE id = 3",
        "history-names order_events 3",
        "",
    ),
    "order given to another user": (
        "UPDATE orders SET user_id = 3 WHERE id = 5",
        "history-names order_events 13",
        "",
    ),
    "key given to another user": (
        "UPDATE idempotency_keys SET user_id = 3 WHERE key = 'a'",
        "key-owner idempotency_keys 1",
        "",
    ),
    "key of another's order": (
        "UPDATE idempotency_keys SET order_id = 1 WHERE key = 'b'",
        "key-owner idempotency_keys 2",
        "",
    ),
    "deleted person come back": (
        "UPDATE users SET email = 'cy@example.com' WHERE id = 4",
        "user-erased users 4",
        "",
    ),
    "address of a deleted person kept": (
        "UPDATE orders SET shipping_address = '1 Test Street' WHERE id = 9",
        "user-erased users 4",
        "",
    ),
    "session of a deleted person kept": (
        "INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES (gen_random_uuid(), 4, 'x', now())",
        "user-erased users 4",
        "",
    ),
    "erased and not deleted": (
        "UPDATE users SET erased_at = now() WHERE id = 3",
        "user-erased users 3",
        "",
    ),
    "order forgotten": (
        "DELETE FROM orders WHERE id = 1",
        "orphans-order-items order_items 1",
        "orphans-idempotency-keys orphans-order-events orphans-stock-movements sales",
    ),
    "last order forgotten": (
        "DELETE FROM orders WHERE id = 10",
        "orphans-order-events order_events 26",
        "orphans-order-items orphans-stock-movements sales",
    ),
    "product forgotten": (
        "DELETE FROM products WHERE id = 2",
        "orphans-order-items order_items 2",
        "orphans-stock-movements",
    ),
    "user forgotten": (
        "DELETE FROM users WHERE id = 3",
        "orphans-orders orders 8",
        "orphans-idempotency-keys orphans-one-time-tokens orphans-order-events orphans-sessions",
    ),
    "item of an order that never was": (
        f"{_NEW_ITEM} (100, 2000000000, 1, 'Mug', 1, 150)",
        "orphans-order-items order_items 100",
        "sequences",
    ),
    "event of an order that never was": (
        f"{_NEW_EVENT} (100, -5, 2, 'pending', NULL, 2)",
        "orphans-order-events order_events 100",
        "sequences",
    ),
    "failure of an order that never was": (
        "INSERT INTO order_failures (id, order_id, attempt, error) VALUES (100, 99, 1, 'Fault')",
        "orphans-order-failures order_failures 100",
        "sequences",
    ),
    "key of an order that never was": (
        f"{_NEW_KEY} (100, 2, 'c', 'x', 99, now())",
        "orphans-idempotency-keys idempotency_keys 100",
        "sequences",
    ),
    "sale for an order that never was": (
        f"{_NEW_MOVEMENT} (100, 3, -1, 0, 'sale', 99, NULL); UPDATE products SET on_hand = 0 WHERE id = 3",
        "orphans-stock-movements stock_movements 100",
        "sales sequences",
    ),
    "session of nobody": (
        "INSERT INTO sessions (id, user_id, token_hash, expires_at)"
        " VALUES ('00000000-0000-0000-0000-000000000001', 99, 'x', now())",
        "orphans-sessions sessions 00000000-0000-0000-0000-000000000001",
        "",
    ),
    "token of nobody": (
        "INSERT INTO one_time_tokens (token_hash, user_id, purpose, expires_at)"
        " VALUES ('x', 99, 'password_reset', now())",
        "orphans-one-time-tokens one_time_tokens 99 password_reset",
        "",
    ),
    "reference twice": (
        "UPDATE orders SET reference = 'A' WHERE id = 2",
        "unique-orders orders 2",
        "",
    ),
    "email twice": (
        "UPDATE users SET email = (SELECT email FROM users WHERE id = 2) WHERE id = 3",
        "unique-users users 3",
        "",
    ),
    "key twice": (
        f"{_NEW_KEY} (100, 3, 'b', 'x', 8, now())",
        "unique-idempotency-keys idempotency_keys 100",
        "sequences",
    ),
    "movement repeated by its key": (
        "INSERT INTO stock_movements (id, product_id, delta, on_hand_after, reason, actor_id, idempotency_key)"
        " VALUES (100, 3, 5, 6, 'adjustment', 1, 'k'); UPDATE products SET on_hand = 6 WHERE id = 3",
        "unique-stock-movements stock_movements 100",
        "sequences",
    ),
    "usage counted twice": (
        "INSERT INTO api_usage (id, day, client, operation, calls)"
        " VALUES (1, '2026-01-01', 'shop', 'listOrders', 1), (2, '2026-01-01', 'shop', 'listOrders', 1)",
        "unique-api-usage api_usage 2",
        "sequences",
    ),
    "sequence set back": (
        "ALTER SEQUENCE orders_id_seq RESTART WITH 3",
        "sequences orders orders_id_seq",
        "",
    ),
}
#: What has gone of what keeps the books; how that is named.
LOSSES = {
    "constraint": (
        "ALTER TABLE orders DROP CONSTRAINT orders_open_is_due",
        "orders orders_open_is_due",
        "is not there",
    ),
    "foreign key": (
        "ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey",
        "orders orders_user_id_fkey",
        "is not there",
    ),
    "unique index": ("DROP INDEX orders_reference", "orders orders_reference", "is not there"),
    "append-only trigger": (
        "DROP TRIGGER order_events_append_only ON order_events",
        "order_events order_events_append_only",
        "is not there",
    ),
    "trigger for a while": (
        "ALTER TABLE stock_movements DISABLE TRIGGER stock_movements_append_only",
        "stock_movements stock_movements_append_only",
        "is disabled",
    ),
    "triggers of foreign keys": (
        "ALTER TABLE order_items DISABLE TRIGGER ALL",
        "order_items order_items_order_id_fkey",
        "is not kept",
    ),
    "look at the rows from before": (
        "ALTER TABLE products DROP CONSTRAINT products_price_check;"
        "ALTER TABLE products ADD CONSTRAINT products_price_check CHECK (price >= 0) NOT VALID",
        "products products_price_check",
        "is not validated",
    ),
    "index that was made to the end": (
        "UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'users_email_live'::regclass",
        "users users_email_live",
        "is not valid",
    ),
}


UNGUARD = """
SET LOCAL session_replication_role = replica;
DO $$
DECLARE
    guard record;
BEGIN
    FOR guard IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u')
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', guard.place, guard.conname);
    END LOOP;
END $$;
DROP INDEX orders_reference, users_email_live, stock_movements_idempotency;
"""


@pytest.fixture
async def books(world: World, superuser: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that is taken back."""
    transaction = superuser.transaction()
    await transaction.start()
    yield superuser
    await transaction.rollback()


@pytest.mark.parametrize("what", CORRUPTIONS)
async def test_corruption_is_found(books: asyncpg.Connection, what: str) -> None:
    sql, named, also = CORRUPTIONS[what]
    await books.execute(UNGUARD + sql)
    found = [finding for finding in await audit_snapshot([books], chunk=4) if finding.rule != "guards"]
    assert named in {f"{finding.rule} {finding.table} {finding.id}" for finding in found}
    assert {finding.rule for finding in found} == {named.split()[0], *also.split()}
    # No screen has spared a rule that has something to say, and no chunk has another thing to say than the whole.
    everything = (-(2**31), 2**31 - 1)
    told: set[Finding] = set()
    for screened in STATEMENTS:
        for one in screened.statements if isinstance(screened, Screen) else (screened,):
            told |= {Finding(*row) for row in await books.fetch(one.sql, *(everything if one.keys else ()))}
    assert {finding for finding in told if finding.rule != "guards"} == set(found)


@pytest.mark.parametrize("what", LOSSES)
async def test_what_guards_the_books_is_missed(books: asyncpg.Connection, what: str) -> None:
    sql, named, problem = LOSSES[what]
    await books.execute(sql)
    found = await audit_snapshot([books])
    assert {finding.rule for finding in found} == {"guards"}
    (one,) = [finding for finding in found if f"{finding.table} {finding.id}" == named]
    assert one.problem.startswith(problem)


def test_every_rule_has_a_corruption_here() -> None:
    assert len(CORRUPTIONS) + len(LOSSES) >= 30
    assert {named.split()[0] for _, named, _ in CORRUPTIONS.values()} | {"guards"} == {
        rule.name for rule in RULES
    }


async def test_an_order_that_is_tried_again_has_a_legal_history(books: asyncpg.Connection) -> None:
    await books.execute(
        f"{_NEW_EVENT} (0, {FAULTY}, {ADA}, 'pending', NULL, {ADMIN});"
        f"UPDATE orders SET status = 'pending', failure_code = NULL, due_at = now(),"
        f" shipping_address = '1 Test Street' WHERE id = {FAULTY}"
    )
    assert await audit_snapshot([books]) == []


async def test_every_guard_and_every_reference_is_looked_at(superuser: asyncpg.Connection) -> None:
    found = await superuser.fetch("""
        SELECT conrelid::regclass::text, conname FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
        UNION SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '%UNIQUE%'
        UNION SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal
    """)
    named = {(table, name) for table, names in GUARDS.items() for name in names.split()}
    assert {tuple(row) for row in found if row[0] != "aerich"} == named
    references = await superuser.fetch("""
        SELECT conrelid::regclass::text, attname FROM pg_constraint JOIN pg_attribute
            ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'
    """)
    for table, column in references:
        name = f"orphans-{table.replace('_', '-')}"
        checks = [rule for statement in STATEMENTS for rule in statement.rules if rule.name == name]
        conditions = [rule.is_broken for rule in checks if isinstance(rule, Check)]
        assert any(f"{column} IS NOT NULL AND {column}_found IS NULL" in text for text in conditions)


async def test_connections_share_one_snapshot(world: World) -> None:
    """What is placed while the audit runs is no part of it, nor does it wait."""
    placed = []
    ran = 0.0

    async def place() -> None:
        bob = world.people[1]
        placed.append(await world.place(bob, (MUG, 1)))
        await world.process(placed[-1])

    def advance(part: float) -> None:
        nonlocal ran
        ran += part
        running.append(asyncio.ensure_future(place()))

    running: list[asyncio.Future[None]] = []
    url = world.resources.settings.database_url
    try:
        assert await audit(url, chunk=3, jobs=2, on_progress=advance) == []
    finally:
        await asyncio.gather(*running)
    assert ran == pytest.approx(1)
    assert len(placed) > len(STATEMENTS)
    assert await audit(url, chunk=3, jobs=2) == []


def test_the_page_for_operators_lists_every_rule() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert [rule for rule in RULES if f"| `{rule.name}` | {rule.proves} |" not in page] == []
