"""PostgreSQL's own pgbench, running the very statements that Tandem sends: what the database would give without it."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.product import (
    CLAIM,
    HOLD,
    LOCK_PRODUCTS,
    PLACE_ORDER,
    SETTLE,
    ServiceError,
    postgres_binaries,
)

LINES = (1, 2, 3)
"""Quantities of the lines of every order."""

#: What a request pays for its sign-in.
VIEWER = """
SELECT sessions.*, users.* FROM sessions JOIN users ON users.id = sessions.user_id
WHERE sessions.id = ('00000000-0000-be7c-0000-' || lpad(to_hex(:user::int), 12, '0'))::uuid AND revoked_at IS NULL
"""


def find_pgbench() -> Path:
    """Return the program: that of the embedded server, or the one on the path.

    Raises:
        ServiceError: there is none.
    """
    try:
        beside = postgres_binaries(None) / "pgbench"
    except ServiceError:
        beside = Path()
    if beside.is_file():
        return beside
    if found := shutil.which("pgbench"):
        return Path(found)
    raise ServiceError(
        "There is no pgbench to compare with: it comes with PostgreSQL (Debian: postgresql-contrib)."
    )


def placing(*, users: int, products: int) -> str:
    """Return the script of one order placed: by a random user, of random products, with a key of its own."""
    statement = _with(
        PLACE_ORDER,
        {
            1: ":user",
            2: ":key",
            3: "repeat('a', 64)",
            4: "'1 Main Street, Springfield'",
            5: _array(":p1", ":p2", ":p3"),
            6: _array(*LINES),
            7: "10",
            8: "24",
            9: "'50ms'",
            10: "0",
        },
    )
    chosen = [f"\\set p{number} random(1, {products})" for number in LINES]
    keys = ["\\set key random(1, 9000000000000000)", f"\\set user random(1, {users})"]
    return "\n".join([*keys, *chosen, f"{VIEWER.strip()};", f"{statement.strip()};", ""])


def product_of(order: str, line: int, products: int) -> str:
    """Return an expression, for SQL and for pgbench, of the product on a line of an order made by the bench."""
    return f"1 + ({order} * 7 + {line} * 1231) % {products}"


def processing(*, products: int, clients: int, price: int) -> str:
    """Return the script of one order processed by itself; each client has its own share of the orders."""
    order = _array(":order")
    total = sum(LINES) * price
    chosen = [f"\\set p{line} {product_of(':order', line, products)}" for line in LINES]
    claim = _with(CLAIM, {1: order, 2: "30", 3: "'250ms'"})
    hold = _with(HOLD, {1: order, 2: _array(1), 3: "'250ms'"})
    lock = _with(LOCK_PRODUCTS, {1: order})
    settle = _with(
        SETTLE,
        {
            1: order,
            2: "ARRAY['completed']",
            3: "ARRAY[NULL]",
            4: _array(total),
            5: _array(":order", ":order", ":order"),
            6: _array(":p1", ":p2", ":p3"),
            7: _array(*LINES),
        },
    )
    numbers = ["\\set turn :turn + 1", f"\\set order :first + :client_id + (:turn - 1) * {clients}"]
    statements = [claim, "BEGIN", hold, lock, settle, "COMMIT"]
    return "\n".join([*numbers, *chosen, *(f"{statement.strip()};" for statement in statements), ""])


def run(url: str, script: str, *, clients: int, limit: list[str], values: Mapping[str, int]) -> float:
    """Run a script and return transactions a second.

    Args:
        limit: pgbench's own option of how long: ``["-T", seconds]`` or ``["-t", transactions of each client]``.
        values: variables of the script.

    Raises:
        ServiceError: it failed.
    """
    defined = [part for name, value in values.items() for part in ("-D", f"{name}={value}")]
    command = [str(find_pgbench()), "-n", "-M", "prepared", "-c", str(clients), "-j", "1", *limit, *defined]
    done = subprocess.run(
        [*command, "-f", "/dev/stdin", url], input=script, capture_output=True, text=True, check=False
    )
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        raise ServiceError(f"pgbench failed:\n{done.stderr.strip()[-2000:]}")
    return float(found[1])


def _array(*values: object) -> str:
    return f"ARRAY[{', '.join(map(str, values))}]"


def _with(statement: str, values: Mapping[int, str]) -> str:
    return re.sub(r"\$(\d+)", lambda found: values[int(found[1])], statement)
