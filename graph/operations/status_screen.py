"""What ``tandem status`` and ``tandem doctor`` show on one screen, in colours where that is a terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from graph.operations.findings import Finding, State
from graph.operations.status import DatabaseStatus, RedisStatus, SystemStatus, age
from models import OrderStatus

#: Of a screen that is none, such as a pipe: sentences are not broken there.
PIPE_WIDTH = 240
COLOURS = {
    OrderStatus.PENDING: "yellow",
    OrderStatus.PROCESSING: "cyan",
    OrderStatus.COMPLETED: "green",
    OrderStatus.FAILED: "red",
    OrderStatus.CANCELLED: "dim",
}

MARKS = {State.OK: ("ok  ", "green"), State.WARNING: ("note", "yellow"), State.FAULT: ("BAD ", "bold red")}


def show_findings(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Print what ``tandem doctor`` has found; to standard output, if no console is given."""
    console = prepared(console)
    for finding in findings:
        mark, colour = MARKS[finding.state]
        console.print(Text(mark, colour), Text(f"{finding.check}:", "bold"), Text(finding.says))
        if finding.remedy:
            console.print(Text(f"     -> {finding.remedy}", colour))


def show_status(status: SystemStatus, console: Console | None = None) -> None:
    """Print it all; to standard output, if no console is given."""
    console = prepared(console)
    now = status.checked_at
    verdict = Text("All is well", "bold green") if status.is_well else Text("Something is wrong", "bold red")
    console.print(verdict, Text(f"at {now:%Y-%m-%d %H:%M:%S} UTC", "dim"))
    for problem in status.problems:
        console.print(Text(f"! {problem}", "red"))
    for title, table in (
        *(_of_redis(status.redis, now) if status.redis else ()),
        *(_of_database(status.database, now) if status.database else ()),
    ):
        console.print()
        console.print(Text(title, "bold"))
        console.print(table)


def prepared(console: Console | None = None) -> Console:
    """Return *console*, or one for standard output; where that is no terminal, no line of it is broken."""
    console = console or Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def _of_redis(redis: RedisStatus, now: datetime) -> list[tuple[str, RenderableType]]:
    workers = plain_table("worker", "alive for", ">in progress")
    for worker in redis.workers:
        workers.add_row(Text(worker.name, "green"), age(now - worker.since), f"{worker.in_progress:,}")
    if not redis.workers:
        workers.add_row(Text("none", "red"), "", "")
    queues = plain_table("queue", ">messages", ">dead letters")
    for length in redis.queues:
        dead = Text(f"{length.dead_letters:,}", "red" if length.dead_letters else "")
        queues.add_row(length.queue.value, f"{length.messages:,}", dead)
    return [("Workers", workers), ("Queues", queues)]


def _of_database(database: DatabaseStatus, now: datetime) -> list[tuple[str, RenderableType]]:
    orders = plain_table("status", ">orders", ">oldest")
    for count in database.orders:
        number = f"{'about ' if count.is_estimate else ''}{count.count:,}"
        oldest = age(now - count.oldest_at) if count.oldest_at else ""
        orders.add_row(Text(count.status.value, COLOURS[count.status]), number, oldest)
    trouble = {
        "stuck": database.stuck_count,
        "tried again": database.retrying_count,
        "given up in a day": database.given_up_count,
    }
    for name, many in trouble.items():
        orders.add_row(name, Text(f"{many:,}", "red" if many and name != "tried again" else ""), "")
    parts: list[tuple[str, RenderableType]] = [("Orders", orders)]
    if database.lock_waits:
        locks = plain_table("waits", "for", "in", "behind")
        for wait in database.lock_waits:
            locks.add_row(str(wait.pid), age(now - wait.since), wait.table or wait.kind, wait.holder or "")
        parts.append(("Locks waited for", locks))
    if database.last_failures:
        errors = plain_table("order", "attempt", "ago", "error")
        for failure in database.last_failures:
            text = Text(f"{failure.error}: {failure.message}", "red")
            errors.add_row(str(failure.order_id), str(failure.attempt), age(now - failure.created_at), text)
        parts.append(("Last errors", errors))
    return parts


def plain_table(*columns: str) -> Table:
    """Return a table without lines; a column whose name begins with ``>`` has numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return table
