"""Clients of Redis (or Valkey), none of which can make a request wait for long.

RESP2 is asked for on purpose: RESP3 brings nothing that is used here and costs each new connection a
``HELLO`` and a ``CLIENT MAINT_NOTIFICATIONS``, which Valkey does not know.
"""

from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core.settings import Settings

#: Seconds for connecting, for one answer, and for a free connection of the pool, each.
TIMEOUT_SECONDS = 1.0
MAX_CONNECTIONS = 20


def connection_options() -> dict[str, Any]:
    """Return the arguments that every connection of ours is made with.

    A command is sent once more on a new connection after the old one broke, which is what a restarted server
    needs; more would multiply the time that a request waits while it is down.
    """
    return {
        "protocol": 2,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": 30,
        "retry": Retry(NoBackoff(), 1),
    }


def create_redis(settings: Settings) -> Redis:
    """Return a client of ``settings.redis_url`` whose answers are ``str``; close it with ``aclose()``.

    It connects at first use, so that it can be made while the server is down. At most ``MAX_CONNECTIONS``
    commands run at once and others queue for up to ``TIMEOUT_SECONDS``.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=MAX_CONNECTIONS,
        timeout=TIMEOUT_SECONDS,
        decode_responses=True,
        **connection_options(),
    )
    return Redis.from_pool(pool)
