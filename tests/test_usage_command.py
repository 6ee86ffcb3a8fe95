"""``tandem usage``: two API processes, what they have written when they end, and what may be removed."""

import json
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import asyncpg
import pytest

from tests.test_cli import Running, addresses, database, port, tandem  # noqa: F401 - fixtures

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def call(port: int, client: str) -> bool:  # noqa: F811 - the number, not the fixture
    request = Request(f"http://127.0.0.1:{port}/api/v1/products", headers={"User-Agent": f"{client}/1"})
    with suppress(URLError, ConnectionError), urlopen(request, timeout=30) as answer:
        return bool(answer.status == 200)
    return False


async def test_what_processes_have_counted_when_they_end_is_told(
    tmp_path: Path,
    database: str,  # noqa: F811
    addresses: dict[str, str],  # noqa: F811
    port: int,  # noqa: F811
) -> None:
    def usage(*arguments: str) -> subprocess.CompletedProcess[str]:
        return tandem(tmp_path, "usage", *arguments, **addresses)

    assert tandem(tmp_path, "migrate", **addresses).returncode == 0
    assert usage("--may-remove", "listProducts").returncode == 1  # never counted
    with Running(tmp_path, "serve", "--port", str(port), "--workers", "2", **addresses) as serve:
        serve.wait_for(lambda: call(port, "starting"))
        for _ in range(20):
            assert call(port, "shop")
        assert serve.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
    told = json.loads(usage("--json").stdout)["usage"]
    assert [
        line["calls"] for line in told if (line["operation"], line["client"]) == ("listProducts", "shop")
    ] == [20]
    used = usage("--may-remove", "listProducts")
    assert used.returncode == 1, used.stderr
    assert "shop" in used.stdout
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("UPDATE api_usage SET day = day - 30")
    finally:
        await connection.close()
    unused = usage("--may-remove", "listProducts", "--json")
    assert unused.returncode == 0, unused.stderr
    assert json.loads(unused.stdout)["may_remove"] is True
    assert "listProducts" in usage("--days", "31").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--may-remove", "listNothing"], "There is no listNothing"),
        (["--may-remove", "Order.id"], "not deprecated"),
        (["--may-remove", "listOrders", "--days", "29"], "30 days"),
    ],
)
def test_a_name_about_which_nothing_can_be_said_is_an_error(
    tmp_path: Path, arguments: list[str], reason: str
) -> None:
    done = tandem(tmp_path, "usage", *arguments)
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.replace("│", " ").split())
