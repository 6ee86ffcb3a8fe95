"""Mail by a real worker process: over SMTP, and in development to the terminal that it runs in."""

import re
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from tests.client import Client
from tests.conftest import SECRET
from tests.factories import make_user
from tests.graph.documents import mutate, mutation
from tests.servers import until
from tests.smtp import SmtpServer
from tests.test_cli import Running

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NEW_PASSWORD = "another good one"


def worker(folder: Path, settings: Settings, **more: str) -> Running:
    addresses = {"TANDEM_DATABASE_URL": settings.database_url, "TANDEM_REDIS_URL": settings.redis_url}
    return Running(folder, "worker", **addresses, TANDEM_SECRET_KEY=SECRET, **more)


async def reset(client: Client, token: str) -> Any:
    values = {"token": token, "newPassword": NEW_PASSWORD}
    answer = await client.graphql(mutation("resetPassword"), {"input": values})
    return answer.data["resetPassword"]["errors"]


async def test_a_link_that_came_by_smtp_sets_the_password(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    user = await make_user(email="ada@example.com")
    async with SmtpServer(login=("shop", "secret")) as server:
        more = {
            "TANDEM_SMTP_URL": f"smtp://shop:secret@127.0.0.1:{server.port}",
            "TANDEM_MAIL_FROM": "Shop <shop@example.com>",
            "TANDEM_APP_URL": "https://shop.example.com",
        }
        with worker(tmp_path, settings, **more):
            for email in ("nobody@example.com", "ADA@example.com"):
                outcome = await mutate(client, "requestPasswordReset", email=email)
                assert outcome == {"accepted": True, "errors": []}
            await until(lambda: bool(server.received), seconds=60)
            (received,) = server.received
            assert received.recipient == "ada@example.com"
            found = re.search(
                r"https://shop\.example\.com/reset-password#token=(\S+)", received.mail.get_content()
            )
            assert found is not None
            assert await reset(client, found[1]) == []
            await until(lambda: len(server.received) == 2, seconds=60)
            assert server.received[1].mail["Subject"] == "Your password was changed"
    signed_in = await mutate(client, "login", email=user.email, password=NEW_PASSWORD)
    assert signed_in["errors"] == []


async def test_in_development_the_token_is_in_the_terminal(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    await make_user(email="ada@example.com")
    with worker(tmp_path, settings) as running:
        await mutate(client, "requestPasswordReset", email="ada@example.com")
        await until(lambda: running.says("It works once"), seconds=60)
        found = re.search(r"^  \| ([\w-]{43})$", running.output.read_text(), re.MULTILINE)
    assert found is not None
    assert await reset(client, found[1]) == []
