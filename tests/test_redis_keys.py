"""Whatever is left in Redis has an end: by time, or by number (CWE-770)."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.broker import QUEUE
from tasks.heartbeat import send_heartbeat
from tasks.mail import MAIL_QUEUE
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_product, make_user
from tests.graph.documents import global_id, mutate
from tests.graph.test_persisted_documents import named, post

pytestmark = pytest.mark.anyio

OPERATIONS = (Path(__file__).parent.parent / "docs" / "operations.md").read_text()


async def use_everything(client: Client) -> None:
    """Have every kind of key written."""
    user = await make_user()
    await mutate(client, "login", email=user.email, password="wrong")
    await mutate(client, "login", email=user.email, password=PASSWORD)
    await mutate(client, "requestPasswordReset", email=user.email)
    values = {"newEmail": "new@example.com", "password": PASSWORD}
    await mutate(client, "requestEmailChange", user=user, **values)
    items = [{"productId": global_id(await make_product()), "quantity": 1}]
    await mutate(client, "createOrder", user=user, items=items, shippingAddress="1 Test Street")
    await send_heartbeat(client.resources.redis, "host:1:abcd", datetime.now(UTC))
    text = "{ me { id } }"
    await post(client, query=text, extensions=named(text))


async def test_every_key_ends_and_is_in_the_table(client_with: ClientWith) -> None:
    client = await client_with(
        rate_limit_user=1_000,
        rate_limit_anonymous=1_000,
        sign_in_limit_account=10,
        sign_in_limit_address=50,
    )
    await use_everything(client)
    redis = client.resources.redis
    told = [name.rstrip("…") for name in re.findall(r"`(tandem:[^`]+)`", OPERATIONS)]
    seen = set()
    async for key in redis.scan_iter():
        matching = max(
            (name for name in told if key == name or (name[-1] == ":" and key.startswith(name))), key=len
        )
        seen.add(matching)
        # Queues end by their length: tests/engine/redis/test_stream_broker.py.
        assert await redis.ttl(key) > 0 or key in (QUEUE, MAIL_QUEUE), key
    # Dead letters: tests/tasks/test_mail.py.
    assert seen == {name for name in told if not name.endswith(":dead")}
