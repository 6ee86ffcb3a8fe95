"""The faults, each a function that brings one about under load, and takes it away again."""

import signal

from tests.chaos.points import POINTS
from tests.chaos.rows import Fault, Running
from tests.chaos.stand import DEADLINE_SECONDS, LEASE_SECONDS, WORKERS


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
        running.stand.until(lambda victim=victim: bool(running.stand.children(running.stand.workers[victim])))
        running.stand.kill_worker(victim)
        running.pause(0.2, 1.0)
    return times


def worker_killed_at_every_statement(running: Running) -> int:
    """Let a worker die at each statement of the settling transaction, under a trickle of orders."""
    for point in POINTS:
        file = running.stand.points / point
        file.touch()
        # Whatever was placed before may be done by now.
        while file.exists():
            running.stand.run(running.load.place(2))
            running.pause(0.1, 0.2)
    return len(POINTS)


def worker_frozen(running: Running) -> int:
    """Freeze a worker in the middle of its work, until others have its orders."""
    running.pause(0.05, 0.2)
    with running.stand.frozen_workers([running.random.randrange(WORKERS)]):
        running.pause(LEASE_SECONDS + 2, LEASE_SECONDS + 3)
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
    Fault("workers-terminated", "workers get SIGTERM in turn", workers_terminated),
    Fault("apis-terminated", "API processes get SIGTERM in turn", apis_terminated),
    Fault("api-killed", "an API process is killed under writes", api_killed, may_cut=True),
    Fault("valkey-killed", "Valkey is killed", valkey_killed),
    Fault("valkey-flushed", "Valkey is flushed", valkey_flushed),
    Fault("postgres-immediate", "PostgreSQL is stopped in immediate mode", postgres_immediate),
    Fault("postgres-killed", "PostgreSQL is killed", postgres_killed),
    Fault("connections-ended", "PostgreSQL's connections are ended again and again", connections_ended),
]
