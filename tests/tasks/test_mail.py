"""Mail by a real worker process: over SMTP, and in development to the terminal that it runs in."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import tasks.broker
from core.mail import MailNotSent, Message
from core.resources import Resources
from core.settings import Settings
from engine.redis import RedeliveringReceiver
from models import Order, OrderStatus
from tasks.broker import MAIL_SLOTS, mail_broker_for, mail_pause
from tasks.mail import MAIL_QUEUE
from tests.client import Client
from tests.conftest import SECRET, ClientWith
from tests.factories import make_product, make_user
from tests.graph.documents import global_id, mutate, mutation
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


def smtp(server: SmtpServer) -> dict[str, str]:
    return {"TANDEM_SMTP_URL": f"smtp://127.0.0.1:{server.port}", "TANDEM_MAIL_FROM": "shop@example.com"}


async def place_order(client: Client) -> Order:
    items = [{"productId": global_id(await make_product(on_hand=5)), "quantity": 1}]
    outcome = await mutate(
        client, "createOrder", user=await make_user(), items=items, shippingAddress="1 Test Street"
    )
    assert outcome["errors"] == []
    return await Order.all().order_by("-id").first()  # type: ignore[return-value]


async def test_no_order_waits_for_a_mail_server_that_says_nothing(
    client_with: ClientWith, settings: Settings, tmp_path: Path
) -> None:
    client = await client_with(mail_limit_address=0)
    users = [await make_user() for _ in range(20)]
    redis = client.resources.redis
    async with SmtpServer() as server:
        server.speaks.clear()
        # As many slots as there are mails that hang.
        with worker(tmp_path, settings, TANDEM_DATABASE_POOL_SIZE="20", **smtp(server)):
            for user in users:
                await mutate(client, "requestPasswordReset", email=user.email)
            await until(lambda: server.connections >= MAIL_SLOTS, seconds=60)
            order = await place_order(client)

            async def is_completed() -> bool:
                await order.refresh_from_db()
                return order.status is OrderStatus.COMPLETED

            await until(is_completed, seconds=60)
            assert server.received == []
            assert await redis.xlen(MAIL_QUEUE) == len(users)
            server.speaks.set()

            async def all_are_sent() -> bool:
                return bool(await redis.xlen(MAIL_QUEUE) == 0)

            await until(all_are_sent, seconds=120)
    assert Counter(mail.recipient for mail in server.received) == {user.email: 1 for user in users}
    assert await redis.exists(f"{MAIL_QUEUE}:dead") == 0


class BusyMailer:
    """Takes nothing at first, then everything."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.taken: list[Message] = []

    async def send(self, message: Message) -> None:
        if self.refusals:
            self.refusals -= 1
            raise MailNotSent("code 451", permanent=False)
        self.taken.append(message)


@asynccontextmanager
async def mail_lane(resources: Resources) -> AsyncIterator[None]:
    """Serve the queue of mails, as a worker does."""
    broker = mail_broker_for(resources.settings)
    broker.is_worker_process = True
    broker.state.resources = resources
    stop = asyncio.Event()
    listening = asyncio.create_task(RedeliveringReceiver(broker, max_async_tasks=1).listen(stop))
    try:
        yield
    finally:
        stop.set()
        await listening
        await broker.shutdown()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.broker, "MAIL_IDLE_SECONDS", 0.1)
    monkeypatch.setattr(tasks.broker, "SHORTEST_MAIL_PAUSE", 0.05)


@pytest.mark.usefixtures("short_pauses")
async def test_a_mail_that_is_not_taken_is_delivered_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    user, mailer = await make_user(), BusyMailer(refusals=2)
    monkeypatch.setattr(client.resources, "mailer", mailer)
    await mutate(client, "requestPasswordReset", email=user.email)
    async with mail_lane(client.resources):

        async def is_empty() -> bool:
            return bool(mailer.taken and await client.resources.redis.xlen(MAIL_QUEUE) == 0)

        await until(is_empty)
    (mail,) = mailer.taken
    found = re.search(r"^[\w-]{43}$", mail.text, re.MULTILINE)
    assert found is not None
    assert await reset(client, found[0]) == []  # the token of the last attempt
    assert f"a mail of user {user.id} (Set a new password): code 451" in caplog.text
    assert user.email not in caplog.text


@pytest.mark.usefixtures("short_pauses")
async def test_a_mail_that_is_never_taken_is_dead_lettered_without_its_address_in_the_log(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks.broker, "MAX_MAIL_DELIVERIES", 3)
    user, mailer = await make_user(), BusyMailer(refusals=100)
    monkeypatch.setattr(client.resources, "mailer", mailer)
    await mutate(client, "requestPasswordReset", email=user.email)
    redis = client.resources.redis
    with caplog.at_level(logging.INFO):
        async with mail_lane(client.resources):

            async def is_dead() -> bool:
                return bool(await redis.xlen(f"{MAIL_QUEUE}:dead"))

            await until(is_dead)
    assert mailer.refusals == 97
    assert await redis.xlen(MAIL_QUEUE) == 0
    assert 0 < await redis.ttl(f"{MAIL_QUEUE}:dead") <= 30 * 24 * 3600
    assert "delivered 3 times" in caplog.text
    assert user.email not in caplog.text


def test_a_mail_is_tried_for_an_hour_with_growing_pauses() -> None:
    pauses = [mail_pause(number) for number in range(1, tasks.broker.MAX_MAIL_DELIVERIES)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= tasks.broker.MAIL_IDLE_SECONDS
    assert 3600 <= sum(pauses) <= 2 * 3600
    assert mail_pause(0) == 0  # what was read and not begun
