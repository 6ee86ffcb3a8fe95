"""The commands for administrators, sample data, products and the schema, run as a person would."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import bcrypt
import orjson
import pytest

from models.audit import RULES
from tests.conftest import SECRET
from tests.forked import Commands
from tests.servers import SECONDS
from tests.test_cli import ENCODINGS, assert_one_sentence, environment

pytestmark = pytest.mark.slow

NO_REDIS = "redis://127.0.0.1:1/0"


class Terminal:
    """Runs commands against one database; there is no Redis, and none is needed."""

    def __init__(self, folder: Path, database_url: str, commands: Commands) -> None:
        self.folder = folder
        self.commands = commands
        self.environment = {
            "TANDEM_DATABASE_URL": database_url,
            "TANDEM_REDIS_URL": NO_REDIS,
            "TANDEM_SECRET_KEY": SECRET,
            "TANDEM_PASSWORD_HASH_ROUNDS": "4",
        }

    def run(self, *arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        given = environment(**self.environment | more)
        return self.commands.run(arguments, folder=self.folder, environment=given, typed=typed)

    def start(self, *arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a person does: in a process that has imported nothing yet."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=self.folder,
            env=environment(**self.environment | more),
            input=typed,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=3 * SECONDS,
            check=False,
        )

    def fetch(self, query: str) -> list[tuple[object, ...]]:
        async def run() -> list[tuple[object, ...]]:
            connection = await asyncpg.connect(self.environment["TANDEM_DATABASE_URL"])
            try:
                return [tuple(row) for row in await connection.fetch(query)]
            finally:
                await connection.close()

        return asyncio.run(run())


@pytest.fixture
def terminal(tmp_path: Path, postgres_url: str, commands: Commands) -> Iterator[Terminal]:
    name = f"cli_data_{os.getpid()}_{os.urandom(4).hex()}"
    maintenance = Terminal(tmp_path, postgres_url, commands)
    maintenance.fetch(f"CREATE DATABASE {name}")
    yield Terminal(tmp_path, urlsplit(postgres_url)._replace(path=f"/{name}").geturl(), commands)
    maintenance.fetch(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_audit_names_what_is_wrong(terminal: Terminal) -> None:
    assert_one_sentence(terminal.run("audit"), "not migrated: run tandem migrate")
    assert terminal.run("migrate").returncode == 0
    assert terminal.run("demo").returncode == 0
    clean = terminal.start("audit", "--jobs", "2")
    assert (clean.returncode, clean.stdout, clean.stderr) == (
        0,
        f"Each of {len(RULES)} rules holds for every row.\n",
        "",
    )
    assert orjson.loads(terminal.run("audit", "--json").stdout)["findings"] == []

    terminal.fetch("UPDATE products SET on_hand = 99 WHERE id IN (3, 4)")
    found = terminal.run("audit")
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert sorted(lines[:2]) == [
        f"stock: products {number}: 99 on hand, and the ledger has left {left}"
        for number, left in terminal.fetch(
            "SELECT DISTINCT ON (product_id) product_id, on_hand_after FROM stock_movements"
            " WHERE product_id IN (3, 4) ORDER BY product_id, id DESC"
        )
    ]
    assert lines[2] == "2 rows break 1 rule:"
    assert len(lines) == 4
    as_json = terminal.run("audit", "--json")
    document = orjson.loads(as_json.stdout)
    assert (as_json.returncode, as_json.stderr) == (1, "")
    assert [(one["rule"], one["table"], one["id"]) for one in document["findings"]] == [
        ("stock", "products", 3),
        ("stock", "products", 4),
    ]
    assert {rule["name"]: rule["findings"] for rule in document["rules"]} == {
        rule.name: 2 if rule.name == "stock" else 0 for rule in RULES
    }
    assert_one_sentence(
        terminal.run("audit", TANDEM_DATABASE_URL="postgres://a:b@127.0.0.1:1/c"), "does not answer"
    )


def test_an_administrator_is_created_once(terminal: Terminal) -> None:
    who = (
        "create-admin",
        "--email",
        "Root@Bu\u0308cher.example.com",
        "--full-name",
        "Root",
        "--password-stdin",
    )
    assert_one_sentence(terminal.run(*who, typed="long enough"), "run tandem migrate first")
    assert terminal.run("migrate").returncode == 0

    short = terminal.run(*who, typed="short\n")
    assert_one_sentence(short, "Password too short: at least 8 characters")
    created = terminal.start(*who, typed="long enough\n")
    assert (created.returncode, created.stderr) == (0, "")
    assert created.stdout == "Created the administrator root@bücher.example.com (user 1).\n"
    again = terminal.run(*who[:2], "root@XN--BCHER-KVA.example.com", *who[3:], typed="long enough\n")
    assert_one_sentence(again, "already exists")
    ((email, is_admin, password_hash),) = terminal.fetch("SELECT email, is_admin, password_hash FROM users")
    assert (email, is_admin) == ("root@bücher.example.com", True)
    assert bcrypt.checkpw(b"long enough", str(password_hash).encode())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_command_that_has_done_its_work_says_so_on_any_terminal(encoding: str, terminal: Terminal) -> None:
    assert terminal.run("migrate", PYTHONIOENCODING=encoding).returncode == 0
    who = ("create-admin", "--email", "zoë.жук@example.com", "--full-name", "Zoë Жук \N{PILE OF POO}")
    created = terminal.run(*who, "--password-stdin", typed="long enough", PYTHONIOENCODING=encoding)
    assert (created.returncode, created.stderr) == (0, "")
    assert "@example.com (user 1)." in created.stdout
    again = terminal.run(*who, "--password-stdin", typed="long enough", PYTHONIOENCODING=encoding)
    assert_one_sentence(again, "already exists")
    file = terminal.folder / "Жук\N{PILE OF POO}.csv"
    for content, code in (
        ("nonsense: Жук\N{PILE OF POO}", 1),
        ("name,description,price,on_hand\nЖ,,1,1\n", 0),
    ):
        file.write_text(content, encoding="utf-8")
        assert terminal.run("import-products", str(file), PYTHONIOENCODING=encoding).returncode == code
    assert terminal.fetch("SELECT full_name FROM users") == [("Zoë Жук \N{PILE OF POO}",)]


def test_demo_and_import(terminal: Terminal) -> None:
    terminal.run("migrate")
    production = {"TANDEM_ENVIRONMENT": "production", "TANDEM_SECRET_KEY": os.urandom(32).hex()}
    assert_one_sentence(terminal.run("demo", **production), "refuses production")
    demo = terminal.start("demo")
    assert (demo.returncode, demo.stderr) == (0, "")
    assert demo.stdout.splitlines()[0] == "Added 2 users, 43 products and 8 orders."

    file = terminal.folder / "more.csv"
    file.write_text("name,description,price,on_hand\nMug,,1.00,2\nCup,,free,1\n")
    assert_one_sentence(terminal.run("import-products", str(file)), "Line 3: Price must be a number")
    file.write_text("name,description,price,on_hand\nMug,,1.00,2\nCup,,0,1\n")
    imported = terminal.start("import-products", str(file))
    assert (imported.stdout, imported.stderr) == ("Imported 2 products with 3 pieces on hand.\n", "")
    assert terminal.fetch("SELECT count(*) FROM products") == [(45,)]
    file.write_text("name,description,price,on_hand\nPlate,,0,1\n")
    one = terminal.run("import-products", str(file))
    assert one.stdout == "Imported 1 product with 1 piece on hand.\n"
    assert terminal.run("import-products", "missing.csv").returncode == 2


@pytest.mark.parametrize(
    ("command", "name", "part"),
    [
        ("export-schema", "schema.graphql", "type Query"),
        ("export-openapi", "openapi.json", '"operationId": "createOrder"'),
    ],
)
def test_a_document_is_printed_written_and_checked(
    tmp_path: Path, commands: Commands, command: str, name: str, part: str
) -> None:
    terminal = Terminal(tmp_path, "postgres://nobody@127.0.0.1:1/nothing", commands)
    printed = terminal.start(command, "--output", "-").stdout
    assert part in printed
    path = tmp_path / name
    assert terminal.run(command, "--output", str(path)).returncode == 0
    assert path.read_text() == printed
    assert terminal.run(command, "--check", "--output", str(path)).returncode == 0
    path.write_text(printed + " ")
    assert_one_sentence(terminal.run(command, "--check", "--output", str(path)), "out of date", command)
    assert path.read_text() != printed
    path.write_bytes(b"\xff")
    assert_one_sentence(terminal.run(command, "--check", "--output", str(path)), "out of date")
    assert_one_sentence(terminal.run(command, "--output", str(tmp_path)), "cannot be written")
