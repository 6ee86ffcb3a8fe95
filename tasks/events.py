"""Tells every process, through Redis, that something has changed. Called after the commit, never before.

A message only says *look again*: whoever listens reads the row. So a message lost while Redis is away costs
a delay until the next one, never a wrong answer.
"""

import logging
from collections.abc import Sequence

from redis.exceptions import RedisError

from core.resources import Resources
from engine.redis import publish

logger = logging.getLogger("tandem.events")


def order_channel(order_id: int) -> str:
    """Where changes of one order are told."""
    return f"tandem:order:{order_id}"


def orders_channel(user_id: int) -> str:
    """Where changes of any order of one user are told."""
    return f"tandem:orders-of:{user_id}"


def user_channel(user_id: int) -> str:
    """Where the end of a user's sign-ins is told."""
    return f"tandem:user:{user_id}"


async def announce_order(resources: Resources, order_id: int, user_id: int) -> None:
    """Tell that an order of a user has changed."""
    await announce_orders(resources, [(order_id, user_id)])


async def announce_orders(resources: Resources, orders: Sequence[tuple[int, int]]) -> None:
    """Tell that orders have changed: each given by its id and its user's."""
    changed = [(order_channel(order_id), "changed") for order_id, _ in orders]
    await _announce(resources, *changed, *events_of_users(orders))


async def announce_sign_out(resources: Resources, user_id: int) -> None:
    """Tell that a user, or one of the user's sessions, may no longer be served."""
    await _announce(resources, (user_channel(user_id), "signed-out"))


def events_of_users(orders: Sequence[tuple[int, int]]) -> list[tuple[str, str]]:
    """Return the events for those who follow all orders of a user. Nobody can have waited for a new one by its id."""
    return [(orders_channel(user_id), str(order_id)) for order_id, user_id in orders]


async def _announce(resources: Resources, *events: tuple[str, str]) -> None:
    if not events:
        return
    try:
        await publish(resources.redis, *events)
    except (RedisError, OSError) as error:
        logger.warning("Could not announce on %s: %s", ", ".join(channel for channel, _ in events), error)
