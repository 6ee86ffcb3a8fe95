"""``tandem`` whose worker can be told where to die or to freeze: ``python -m tests.chaos.mortal worker``.

The folder of the variable ``CHAOS_FOLDER`` says so. A file with the name of a point (``points.py``): whichever worker
process gets there first removes it, and sends itself the signal that the file names, SIGKILL or SIGSTOP. The file
``poison`` has ids of orders, one a line, each of which kills every process that settles it, alone or with others; each
such death is a line of the file ``deaths``.
"""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import tortoise.transactions

import cli
import engine.postgres
import tasks.claims
import tasks.order_batches
import tasks.settlement
from tasks.settlement import Settled

_AFTER = {
    tasks.claims.CLAIM: "claimed",
    tasks.settlement.HOLD: "held",
    tasks.settlement.LOCK_PRODUCTS: "locked",
    tasks.settlement.SETTLE: "written",
}
_folder = Path(os.environ.get("CHAOS_FOLDER", "/nonexistent"))


def reach(point: str) -> None:
    """Die or freeze here if that is wanted, once."""
    file = _folder / point
    try:
        number = signal.Signals[file.read_text()]
        file.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), number)


async def fetch(statement: str, values: Sequence[Any] = ()) -> Any:
    """Run a statement, and perhaps die before or after it."""
    if statement == tasks.claims.CLAIM:
        reach("claim")
    rows = await engine.postgres.fetch(statement, values)
    if point := _AFTER.get(statement):
        reach(point)
    return rows


@asynccontextmanager
async def in_transaction() -> AsyncIterator[Any]:
    """Open a transaction, and perhaps die after its first or last statement."""
    async with tortoise.transactions.in_transaction() as connection:
        reach("begun")
        yield connection
    reach("committed")


async def settle(claims: Sequence[tasks.claims.Claim], **options: Any) -> Settled:
    """Settle orders, or die of one of them."""
    poison = _folder / "poison"
    if poison.exists():
        deadly = {int(line) for line in poison.read_text().split()}
        if any(claim.order_id in deadly and not claim.is_last for claim in claims):
            with (_folder / "deaths").open("a") as deaths:
                deaths.write(f"{len(claims)}\n")
            os.kill(os.getpid(), signal.SIGKILL)
    return await tasks.settlement.settle(claims, **options)


if __name__ == "__main__":
    for module, mortal in (
        (tasks.claims, fetch),
        (tasks.settlement, fetch),
        (tasks.order_batches, in_transaction),
        (tasks.order_batches, settle),
    ):
        setattr(module, mortal.__name__, mortal)
    cli.main()
