"""Publishes to every process, through Redis, that something has changed. Called after the commit, never before.

An event only says *look again*: its subscribers read the row. So an event lost while Redis is unavailable costs
a delay until the next one, never a wrong answer.
"""

import logging
from collections.abc import Sequence

from redis.exceptions import RedisError

from core.resources import Resources
from engine.redis import publish

logger = logging.getLogger("tandem.events")


def order_channel(order_id: int) -> str:
    """Return the channel for changes of one order."""
    return f"tandem:order:{order_id}"


def orders_channel(user_id: int) -> str:
    """Return the channel for changes of any order of one user."""
    return f"tandem:orders-of:{user_id}"


def user_channel(user_id: int) -> str:
    """Return the channel for the end of a user's sessions."""
    return f"tandem:user:{user_id}"


async def publish_order(resources: Resources, order_id: int, user_id: int) -> None:
    """Publish that an order of a user has changed."""
    await publish_orders(resources, [(order_id, user_id)])


async def publish_orders(resources: Resources, orders: Sequence[tuple[int, int]]) -> None:
    """Publish that orders have changed, each given by its id and its user's."""
    await _publish(resources, *events_of_orders(orders))


async def publish_sign_out(resources: Resources, user_id: int) -> None:
    """Publish that a user, or one of the user's sessions, may no longer be served."""
    await _publish(resources, (user_channel(user_id), "signed-out"))


def events_of_orders(orders: Sequence[tuple[int, int]]) -> list[tuple[str, str]]:
    """Return the events of changed orders, each given by its id and its user's."""
    return [(order_channel(order_id), "changed") for order_id, _ in orders] + events_of_users(orders)


def events_of_users(orders: Sequence[tuple[int, int]]) -> list[tuple[str, str]]:
    """Return the events for subscribers to all orders of a user; a new order cannot have any by its id yet."""
    return [(orders_channel(user_id), str(order_id)) for order_id, user_id in orders]


async def _publish(resources: Resources, *events: tuple[str, str]) -> None:
    if not events:
        return
    try:
        await publish(resources.redis, *events)
    except (RedisError, OSError) as error:
        logger.warning("Could not publish on %s: %s", ", ".join(channel for channel, _ in events), error)
