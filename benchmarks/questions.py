"""How long the operators' five questions take: ``python -m benchmarks questions --orders 5000000``.

What hangs, why, once more, where did the stock go, is all well: each as the operation that the tabs of Operate send,
over HTTP, and as the command. On the database of ``audit``, where one order in 24 is open.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.answers import AnswersDiffer
from benchmarks.asking import ask_well
from benchmarks.audit import prepare_books
from benchmarks.product import encode_id
from benchmarks.servers import BY_NAME, ROOT, Running, settings_of, start
from benchmarks.stage import CACHE, Stage, environment, stage
from benchmarks.workloads import post_request

_DOCUMENTS = ROOT / "graph" / "endpoint" / "playground" / "operate"
_ADMIN = 1
_PRODUCT = 4
#: How often each command is run.
_COMMANDS = 5
_OPEN = "SELECT id FROM orders WHERE status = 'processing' ORDER BY id LIMIT 1"
_GIVEN_UP = (
    "SELECT array_agg(id) FROM (SELECT id FROM orders WHERE status = 'failed' ORDER BY id LIMIT $1) AS failed"
)
#: Failed orders of the data set can be tried again as if a worker had given them up.
_GIVE_UP = (
    "UPDATE orders SET failure_code = 'PROCESSING_ERROR' WHERE id = ANY($1::int[])",
    "UPDATE order_events SET failure_code = 'PROCESSING_ERROR' WHERE status = 'failed' AND order_id = ANY($1::int[])",
)


@dataclass(frozen=True)
class Question:
    """What somebody wants to know or to have done.

    Args:
        document: the tab of Operate that asks it; *variables* returns the values, others each time if it must.
        command: returns the words after ``tandem``, likewise.
    """

    text: str
    document: str
    variables: Callable[[], dict[str, Any]]
    command: Callable[[], list[str]]


def main(arguments: Sequence[str]) -> int:
    """Ask, print a table of milliseconds, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks questions", description=__doc__)
    parser.add_argument("--orders", type=int, default=5_000_000)
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args(arguments)
    with stage(options.cache) as on:
        on = prepare_books(on, options.orders)
        asked = _questions(*asyncio.run(_choose(on.settings.database_url, options.times + _COMMANDS)))
        running = start(BY_NAME["tandem"], on, allowed=None)
        try:
            for line in _table(on, running, asked, options.times):
                print(line, flush=True)
        finally:
            running.stop()
    return 0


async def _choose(url: str, count: int) -> tuple[int, list[int]]:
    """Return an order that is open, and *count* that can be tried again."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("UPDATE users SET is_admin = TRUE WHERE id = $1", _ADMIN)
        given_up = await connection.fetchval(_GIVEN_UP, count)
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement in _GIVE_UP:
                await connection.execute(statement, given_up)
        return await connection.fetchval(_OPEN), given_up
    finally:
        await connection.close()


def _questions(open_order: int, given_up: Sequence[int]) -> list[Question]:
    order, product = encode_id("Order", open_order), encode_id("Product", _PRODUCT)
    retried = iter(given_up)
    return [
        Question("Is all well?", "status", dict, lambda: ["status"]),
        Question("What hangs?", "stuck", lambda: {"filter": None}, lambda: ["status", "--json"]),
        Question("Why?", "why", lambda: {"id": order}, lambda: ["trace", str(open_order)]),
        Question(
            "Once more.",
            "again",
            lambda: {"input": {"id": encode_id("Order", next(retried))}},
            lambda: ["retry", str(next(retried))],
        ),
        Question(
            "Where did the stock go?",
            "stock",
            lambda: {"id": product},
            lambda: ["trace", "--product", str(_PRODUCT)],
        ),
    ]


def _table(on: Stage, running: Running, asked: Sequence[Question], times: int) -> Iterator[str]:
    yield "| question | first, ms | median | longest | command, median s |"
    yield "|---|---|---|---|---|"
    for question in asked:
        first, *others = [_operation(running, on.token(_ADMIN), question) for _ in range(times)]
        commands = [_command(on, question.command()) for _ in range(_COMMANDS)]
        figures = (first, statistics.median(others), max(others))
        yield (
            f"| {question.text} | {' | '.join(f'{figure:.1f}' for figure in figures)}"
            f" | {statistics.median(commands):.2f} |"
        )


def _operation(running: Running, token: str, question: Question) -> float:
    """Return how long an answer without errors takes, in milliseconds."""
    document = (_DOCUMENTS / f"{question.document}.graphql").read_text()
    request = post_request(token, document, question.variables())
    begun = time.perf_counter()
    body = ask_well(running, request)
    taken = (time.perf_counter() - begun) * 1000
    told = json.loads(body)
    if told.get("errors") or (told["data"].get("retryOrder") or {}).get("errors"):
        raise AnswersDiffer(f"{question.text} {body[:500]!r}")
    return taken


def _command(on: Stage, words: list[str]) -> float:
    """Return how long a command takes, in seconds; 1 is the exit status where something is wrong with the shop."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        env=environment(**settings_of(on)),
        capture_output=True,
        check=False,
    )
    taken = time.perf_counter() - begun
    if done.returncode not in (0, 1) or b"Traceback" in done.stderr:
        raise AnswersDiffer(f"tandem {' '.join(words)}: {done.stderr.decode()[-500:]}")
    return taken
