"""``tandem doctor`` and ``tandem status``: what they find, what they exit with, and that they wait for nobody."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from dev.roles import RoleAddresses
from graph.operations.doctor import examine
from graph.operations.findings import Finding, Findings, State
from tests.conftest import SECRET
from tests.servers import own_valkey
from tests.smtp import SmtpServer
from tests.test_cli import database, folder, tandem  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, role_addresses: RoleAddresses, redis_url: str) -> pytest.MonkeyPatch:
    """The environment of a system in which all is well, to be spoilt."""
    for name, value in {
        "ENVIRONMENT": "development",
        "DATABASE_URL": role_addresses.app,
        "DATABASE_OWNER_URL": role_addresses.owner,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET,
    }.items():
        monkeypatch.setenv(f"TANDEM_{name}", value)
    return monkeypatch


def bad(findings: list[Finding], state: State = State.FAULT) -> list[Finding]:
    return [finding for finding in findings if finding.state is state]


async def test_the_doctor_finds_nothing_where_all_is_well(
    use: pytest.MonkeyPatch, superuser: asyncpg.Connection
) -> None:
    findings = await examine()
    assert {finding.state for finding in findings} == {State.OK}, findings
    assert {finding.check for finding in findings} == {
        "settings",
        "PostgreSQL",
        "PostgreSQL, owner",
        "Redis",
        "mail",
    }
    says = " ".join(finding.says for finding in findings)
    for word in ("pg_trgm", "migration", "clock", "tandem_app", "tandem_owner", "connections"):
        assert word in says
    # Its own, and at least that of the superuser.
    taken = re.search(r"(\d+) of \d+ connections are taken", says)
    assert taken is not None
    assert int(taken[1]) >= 2


async def test_the_doctor_finds_a_wrong_setting_and_one_that_is_none(use: pytest.MonkeyPatch) -> None:
    use.setenv("TANDEM_REDIS_ULR", "redis://x")
    use.setenv("TANDEM_CURRENCY", "dollars")
    findings = await examine()
    assert "TANDEM_REDIS_URL" in bad(findings, State.WARNING)[0].remedy
    (fault,) = bad(findings)
    assert "TANDEM_CURRENCY" in fault.says
    assert fault.remedy


async def test_the_doctor_finds_an_empty_database(use: pytest.MonkeyPatch, database: str) -> None:  # noqa: F811
    use.setenv("TANDEM_DATABASE_URL", database)
    use.delenv("TANDEM_DATABASE_OWNER_URL")
    findings = await examine()
    (fault,) = bad(findings)
    assert "Not migrated" in fault.says
    assert "tandem migrate" in fault.remedy
    assert any("superuser" in finding.says for finding in bad(findings, State.WARNING))


async def test_the_doctor_finds_an_owner_of_another_database(use: pytest.MonkeyPatch, database: str) -> None:  # noqa: F811
    use.setenv("TANDEM_DATABASE_OWNER_URL", database)
    assert any("another database" in fault.says for fault in bad(await examine()))


async def test_the_doctor_finds_rights_that_are_missing(
    use: pytest.MonkeyPatch, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("REVOKE INSERT ON orders FROM tandem_app")
    try:
        (fault,) = bad(await examine())
    finally:
        await superuser.execute("GRANT INSERT ON orders TO tandem_app")
    assert "INSERT orders" in fault.says


OLD_RULES = ("+ping", "+select", "+eval", "+getrange", "+xdel", "+publish")


async def test_the_doctor_finds_a_user_of_redis_with_rules_of_the_release_before(
    use: pytest.MonkeyPatch,
) -> None:
    with own_valkey() as valkey:
        redis: Any
        async with Redis.from_url(valkey.url()) as redis:
            await redis.execute_command(
                "ACL", "SETUSER", "old", "reset", "on", ">secret", "~tandem:*", "&*", *OLD_RULES
            )
        use.setenv("TANDEM_REDIS_URL", f"redis://old:secret@127.0.0.1:{valkey.port}/0")
        findings = await examine()
    (fault,) = bad(findings)
    assert "XLEN, XRANGE, XREVRANGE" in fault.says
    assert "TIME" in bad(findings, State.WARNING)[0].says


async def test_the_doctor_signs_in_at_the_mail_server_and_sends_nothing(use: pytest.MonkeyPatch) -> None:
    async with SmtpServer(login=("shop", "secret")) as server:
        use.setenv("TANDEM_SMTP_URL", f"smtp://shop:secret@127.0.0.1:{server.port}")
        use.setenv("TANDEM_MAIL_FROM", "shop@example.com")
        assert bad(await examine()) == []
        assert server.connections == 1
        assert server.received == []
    (fault,) = bad(await examine())
    assert fault.check == "mail"


@pytest.mark.parametrize(
    ("seconds", "state"), [(0.1, State.OK), (-3.0, State.WARNING), (61.0, State.FAULT), (-61.0, State.FAULT)]
)
def test_the_doctor_compares_clocks(seconds: float, state: State) -> None:
    found = Findings("PostgreSQL")
    found.clock(seconds)
    assert [finding.state for finding in found.list] == [state]


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that takes connections and never says a word: its host is dead, or swallows packets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_nobody_waits_for_a_server_that_is_silent(command: str, folder: Path) -> None:  # noqa: F811
    with silent_server() as port:
        addresses = {
            "TANDEM_DATABASE_URL": f"postgres://a:b@127.0.0.1:{port}/c",
            "TANDEM_REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "TANDEM_SMTP_URL": f"smtp://127.0.0.1:{port}",
            "TANDEM_MAIL_FROM": "shop@example.com",
        }
        result = tandem(folder, command, "--json", **addresses)
    assert result.returncode == 1, result.stderr
    told = json.loads(result.stdout)
    assert told["is_well"] is False
    if command == "doctor":
        faults = {one["check"] for one in told["findings"] if one["state"] == "fault"}
        assert faults == {"PostgreSQL", "Redis", "mail"}
    else:
        assert (told["database"], told["redis"], len(told["problems"])) == (None, None, 2)
