"""Tells every process, through Redis, that something has changed. Called after the commit, never before.

A message only says *look again*: whoever listens reads the row. So a message lost while Redis is away costs
a delay until the next one, never a wrong answer.
"""

import logging

from redis.exceptions import RedisError

from core.pubsub import publish
from core.resources import Resources

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
    """Tell that an order of a user has changed, or has come to be."""
    await _announce(resources, order_channel(order_id), "changed")
    await _announce(resources, orders_channel(user_id), str(order_id))


async def announce_sign_out(resources: Resources, user_id: int) -> None:
    """Tell that a user, or one of the user's sessions, may no longer be served."""
    await _announce(resources, user_channel(user_id), "signed-out")


async def _announce(resources: Resources, channel: str, payload: str) -> None:
    try:
        await publish(resources.redis, channel, payload)
    except (RedisError, OSError) as error:
        logger.warning("Could not announce on %s: %s", channel, error)
