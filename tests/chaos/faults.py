"""The faults, each a function that brings one about under load, and takes it away again."""

import os
import signal
import time
from functools import partial
from pathlib import Path

from tests.chaos.points import POINTS
from tests.chaos.replica import Replica
from tests.chaos.rows import Fault, Running
from tests.chaos.stand import DEADLINE_SECONDS, LEASE_SECONDS, MAX_ATTEMPTS, WORKERS
from tests.servers import frozen


def calm(_: Running) -> int:
    """Do nothing: what the others are compared with."""
    return 0


# ---- workers


def worker_killed(running: Running) -> int:
    """Kill one worker process."""
    running.pause(0.05, 0.3)
    running.stand.kill_worker(running.random.randrange(WORKERS))
    return 1


def workers_killed(running: Running) -> int:
    """Kill all workers with their managers."""
    running.pause(0.05, 0.3)
    running.stand.end(running.stand.workers, signal.SIGKILL)
    return WORKERS


def worker_killed_again(running: Running) -> int:
    """Kill a worker process as soon as there is one, again and again."""
    times = 6
    for number in range(times):
        victim = number % WORKERS
        running.stand.until(running.stand.has_workers)
        running.stand.kill_worker(victim)
        running.pause(0.2, 1.0)
    return times


def worker_killed_at_every_statement(running: Running) -> int:
    """Let a worker die at each statement of the settling transaction, under a trickle of orders."""
    for point in POINTS:
        _stop_worker_at(running, point, signal.SIGKILL)
    return len(POINTS)


def _stop_worker_at(running: Running, point: str, number: signal.Signals) -> None:
    """Have a worker process send itself a signal at this point, and wait until it has got there."""
    file = running.stand.points / point
    # At once, or a worker might read a file that is empty yet.
    made = file.with_suffix(".new")
    made.write_text(number.name)
    made.rename(file)
    # Whatever was placed before may be done by now.
    while file.exists():
        running.stand.run(running.load.place(2))
        running.pause(0.1, 0.2)


def worker_frozen(running: Running) -> int:
    """Freeze a worker in the middle of its work, until others have its orders."""
    running.pause(0.05, 0.2)
    with running.stand.frozen_workers([running.random.randrange(WORKERS)]):
        running.pause(LEASE_SECONDS + 2, LEASE_SECONDS + 3)
    return 1


def worker_frozen_with_locks(running: Running) -> int:
    """Freeze a worker that holds the locks of products, until all orders are settled without it."""
    stand = running.stand
    _stop_worker_at(running, "locked", signal.SIGSTOP)
    began = time.monotonic()
    stand.until(lambda: running.open_orders() == 0)
    running.notes.append(f"all were settled without it after {time.monotonic() - began:.1f} s")
    stand.resume_workers()
    return 1


def workers_terminated(running: Running) -> int:
    """Send SIGTERM to one worker after the other, each of which comes back, as in a release."""
    for worker in list(running.stand.workers):
        running.pause(0.05, 0.3)
        running.stand.end([worker], signal.SIGTERM)
        if worker.returncode != 0:
            running.wrong.append(f"a worker ended with {worker.returncode}")
        running.stand.mend()
    return WORKERS


# ---- API processes


def apis_terminated(running: Running) -> int:
    """Send SIGTERM to one API process after the other, as in a release: no answer may be broken."""
    for api in list(running.stand.apis):
        running.pause(0.05, 0.3)
        running.stand.end([api], signal.SIGTERM)
        running.stand.mend()
        running.stand.until(running.stand.is_ready)
    return len(running.stand.apis)


def api_killed(running: Running) -> int:
    """Kill an API process under writes."""
    running.pause(0.1, 0.4)
    running.stand.end([running.random.choice(running.stand.apis)], signal.SIGKILL)
    return 1


# ---- Valkey


def valkey_killed(running: Running) -> int:
    """Kill Valkey; it comes back with what it has on disk."""
    running.pause(0.05, 0.3)
    running.stand.restart(running.stand.valkey, signal.SIGKILL)
    return 1


def valkey_flushed(running: Running) -> int:
    """Empty Valkey, three times: with it go queue, group, counters."""
    for _ in range(3):
        running.stand.flush_valkey()
        running.pause(0.1, 0.5)
    return 3


def valkey_frozen(running: Running) -> int:
    """Freeze Valkey for longer than anybody waits for it."""
    with frozen(running.stand.valkey.pid):
        running.pause(3, 4)
    return 1


def valkey_slow(running: Running) -> int:
    """Let each answer of Valkey be late by half a second."""
    running.stand.valkey_proxy.slow(0.5)
    running.pause(5, 6)
    return 1


def valkey_swallowed(running: Running) -> int:
    """Cut the network to Valkey without a word."""
    running.stand.valkey_proxy.swallow()
    running.pause(4, 5)
    return 1


# ---- PostgreSQL


def postgres_immediate(running: Running) -> int:
    """Stop PostgreSQL in immediate mode (SIGQUIT), and start it again."""
    running.pause(0.05, 0.3)
    running.stand.restart(running.stand.postgres, signal.SIGQUIT)
    return 1


def postgres_killed(running: Running) -> int:
    """Kill PostgreSQL."""
    running.pause(0.05, 0.3)
    running.stand.restart(running.stand.postgres, signal.SIGKILL)
    return 1


def connections_ended(running: Running) -> int:
    """End all connections to the database by pg_terminate_backend, again and again."""
    times = 8
    for _ in range(times):
        running.stand.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        running.pause(0.1, 0.6)
    return times


def postgres_frozen(running: Running) -> int:
    """Freeze PostgreSQL for longer than requests have."""
    with frozen(running.stand.postgres.pid):
        running.pause(DEADLINE_SECONDS + 1, DEADLINE_SECONDS + 2)
    return 1


def postgres_slow(running: Running) -> int:
    """Let each answer of PostgreSQL be late by half a second."""
    running.stand.postgres_proxy.slow(0.5)
    running.pause(6, 8)
    return 1


def postgres_swallowed(running: Running) -> int:
    """Cut the network to PostgreSQL without a word, for longer than requests have."""
    running.stand.postgres_proxy.swallow()
    running.pause(DEADLINE_SECONDS + 1, DEADLINE_SECONDS + 2)
    return 1


def pool_exhausted(running: Running) -> int:
    """Lock a table that everything needs, so that every connection of every pool waits, longer than requests have."""
    with running.stand.holding("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"):
        running.pause(DEADLINE_SECONDS + 1, DEADLINE_SECONDS + 2)
    return 1


def failed_over(running: Running) -> int:
    """Kill PostgreSQL for good, and promote a replica that each commit has waited for; no address changes."""
    replica = Replica(running.stand)
    replica.start()
    running.load_more(running.orders // 2)
    running.pause(0.1, 0.3)
    postgres = running.stand.postgres
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    running.stand.until(lambda: not postgres.alive)
    replica.promote()
    return 1


# ---- orders


def product_locked(running: Running) -> int:
    """Lock a product as a forgotten transaction does, until all orders that do not need it are settled.

    Then once more as many orders without it: what the load alone comes to.
    """
    stand, (locked, *others) = running.stand, running.products
    began = stand.value("SELECT clock_timestamp()")
    with stand.holding("SELECT FROM products WHERE id = $1 FOR UPDATE", locked):
        stand.run(running.load.place(max(10, running.orders // 10), products=others))
        # Seldom: a look takes a connection of its own, and the workers have the same processors.
        stand.until(lambda: not stand.value(HAS_OPEN_OTHERS, locked, running.products), pause=0.5)
        ((seconds, again),) = stand.sql(HELD_UP, locked, running.products, began)
    stand.until(lambda: running.open_orders() == 0)
    with stand.frozen_workers():
        stand.run(running.load.place(running.orders // 2))
    began = stand.value("SELECT clock_timestamp()")
    stand.run(running.load.place(running.orders // 2))
    stand.until(lambda: running.open_orders() == 0)
    ((usual, _),) = stand.sql(HELD_UP, locked, running.products, began)
    running.notes.append(
        f"others settled {seconds:.2f} s after their claim at most, {again} tried again; {usual:.2f} s without the lock"
    )
    return 1


def poison_order(running: Running) -> int:
    """Let an order kill every process that settles it, in a batch at first; its batch mates count no attempt."""
    stand = running.stand
    deaths = stand.points / "deaths"
    with stand.frozen_workers():
        known = {order_id for wish in running.load.tally.wishes for order_id in wish.told}
        stand.run(running.load.place(20))
        placed = {order_id for wish in running.load.tally.wishes for order_id in wish.told} - known
        open_ones = [row[0] for row in stand.sql(PENDING, list(placed))]
        poison = running.random.choice(sorted(open_ones))
        running.poison.add(poison)
        (stand.points / "poison").write_text(str(poison))
    times = 0
    while stand.value("SELECT status FROM orders WHERE id = $1", poison) == "processing" or not times:
        stand.until(partial(_has_lines, deaths, times + 1))
        times += 1
        # Its pauses are long, and so are those that many attempts take: of both only the first are waited for.
        if times >= 3:
            stand.sql("UPDATE orders SET attempts = $2 WHERE id = $1", poison, MAX_ATTEMPTS)
        if times >= 2:
            stand.sql("UPDATE orders SET due_at = now() WHERE id = $1 AND status = 'processing'", poison)
        if times >= 3:
            stand.until(lambda: stand.value("SELECT status FROM orders WHERE id = $1", poison) == "failed")
    mates = int(deaths.read_text().split()[0]) - 1
    again = stand.value(
        "SELECT count(*) FROM orders WHERE id = ANY ($1) AND id <> $2 AND attempts > 1", open_ones, poison
    )
    running.notes.append(f"{mates} batch mates, {again} of which count a second attempt")
    for file in (deaths, stand.points / "poison"):
        file.unlink()
    return times


def _has_lines(file: Path, number: int) -> bool:
    return file.exists() and len(file.read_text().split()) >= number


def cancellations_race(running: Running) -> int:
    """Cancel orders, from many clients, in the moment in which workers begin with all of them."""
    stand, load = running.stand, running.load
    number = running.orders * 5 // 3
    with stand.frozen_workers():
        stand.run(load.place(number))
    stand.run(load.cancel(load.tally.wishes[-number:], clients=40))
    cancelled = stand.value(
        "SELECT count(*) FROM orders WHERE status = 'cancelled' AND shipping_address LIKE $1", f"{load.row}/%"
    )
    running.notes.append(f"{cancelled:,} were cancelled in time")
    return number


_OTHERS = """
EXISTS (SELECT FROM order_items WHERE order_id = orders.id AND product_id = ANY ($2))
    AND NOT EXISTS (SELECT FROM order_items WHERE order_id = orders.id AND product_id = $1)
"""
#: Whether there are open orders of these products ($2) that do not need one of them ($1).
HAS_OPEN_OTHERS = f"SELECT EXISTS (SELECT FROM orders WHERE due_at IS NOT NULL AND {_OTHERS} LIMIT 1)"
#: Of all such orders that were claimed after a moment ($3) the longest way to their end, and how many went it twice.
HELD_UP = f"""
SELECT coalesce(max(extract(epoch FROM ended.created_at - claimed.created_at)), 0)::float8,
    count(DISTINCT orders.id) FILTER (WHERE attempts > 1)
FROM orders JOIN order_events AS claimed ON claimed.order_id = orders.id AND claimed.status = 'processing'
JOIN order_events AS ended ON ended.order_id = orders.id AND ended.status IN ('completed', 'failed')
WHERE claimed.created_at > $3 AND {_OTHERS}
"""
PENDING = "SELECT id FROM orders WHERE id = ANY ($1) AND status = 'pending'"

FAULTS = [
    Fault("calm", "nothing", calm),
    Fault("worker-killed", "a worker process is killed", worker_killed),
    Fault("workers-killed", "all workers and their managers are killed", workers_killed),
    Fault("worker-killed-again", "worker processes are killed again and again", worker_killed_again),
    Fault(
        "worker-killed-at-statements",
        "a worker is killed before, between and after the statements of claim and settlement",
        worker_killed_at_every_statement,
    ),
    Fault("worker-frozen", "a worker is frozen past its lease, and goes on", worker_frozen),
    Fault(
        "worker-frozen-with-locks",
        "a worker is frozen with products locked, until all is settled",
        worker_frozen_with_locks,
    ),
    Fault("workers-terminated", "workers get SIGTERM in turn", workers_terminated),
    Fault("apis-terminated", "API processes get SIGTERM in turn", apis_terminated),
    Fault("api-killed", "an API process is killed under writes", api_killed, may_cut=True),
    Fault("valkey-killed", "Valkey is killed", valkey_killed),
    Fault("valkey-flushed", "Valkey is flushed", valkey_flushed),
    Fault("valkey-frozen", "Valkey is frozen", valkey_frozen),
    Fault("valkey-slow", "Valkey's answers are late by 500 ms", valkey_slow),
    Fault("valkey-swallowed", "the network to Valkey swallows packets", valkey_swallowed),
    Fault("postgres-immediate", "PostgreSQL is stopped in immediate mode", postgres_immediate),
    Fault("postgres-killed", "PostgreSQL is killed", postgres_killed),
    Fault("connections-ended", "PostgreSQL's connections are ended again and again", connections_ended),
    Fault("postgres-frozen", "PostgreSQL is frozen for longer than requests have", postgres_frozen),
    Fault("postgres-slow", "PostgreSQL's answers are late by 500 ms", postgres_slow),
    Fault("postgres-swallowed", "the network to PostgreSQL swallows packets", postgres_swallowed),
    Fault("pool-exhausted", "every connection of every pool waits", pool_exhausted),
    Fault("product-locked", "somebody holds a product's lock", product_locked),
    Fault("poison-order", "an order kills each worker that settles it", poison_order),
    Fault("cancellations", "cancellations race the workers", cancellations_race, cancels=0.0),
    Fault("fail-over", "PostgreSQL is killed for good, a replica promoted", failed_over, last=True),
]
