"""What ``tandem doctor`` asks Redis, or Valkey."""

import time
from typing import Any

from redis.exceptions import NoPermissionError, RedisError

from core.settings import Settings
from engine.redis import create_redis, dead_letters_of
from graph.operations.findings import Findings
from tasks.broker import QUEUE
from tasks.heartbeat import HEARTBEATS

#: Harmless words of Tandem's own, so that a user who lacks a rule is found out before an order needs it.
_PROBES: tuple[tuple[str, ...], ...] = (
    ("EVAL", "return 1", "0"),
    ("GETRANGE", f"{HEARTBEATS}doctor", "0", "0"),
    ("XLEN", QUEUE),
    ("XRANGE", QUEUE, "-", "+", "COUNT", "1"),
    ("XREVRANGE", dead_letters_of(QUEUE), "+", "-", "COUNT", "1"),
    ("XDEL", dead_letters_of(QUEUE), "0-1"),
    ("PUBLISH", "{number}/tandem:doctor", ""),
)
_RULES = "Give the user the rules of docs/operations.md, What Redis is trusted with, again."


async def look_at_redis(settings: Settings, found: Findings) -> None:
    """Say whether it answers, lets Tandem do its work, and has the right time."""
    redis = create_redis(settings.redis_url)
    try:
        await redis.execute_command("PING")  # type: ignore[no-untyped-call]
        found.ok("The server of TANDEM_REDIS_URL answers.")
        await _look_at_rules(redis, found)
        await _look_at_clock(redis, found)
    except (RedisError, OSError) as error:
        found.fault(
            f"The server of TANDEM_REDIS_URL does not answer: {str(error).rstrip('.')}.",
            "See that it runs, and that address and password are right. Until it answers, orders wait.",
        )
    finally:
        await redis.aclose()


async def _look_at_rules(redis: Any, found: Findings) -> None:
    number = redis.connection_pool.connection_kwargs.get("db", 0)
    refused = []
    for words in _PROBES:
        try:
            await redis.execute_command(*(word.format(number=number) for word in words))
        except NoPermissionError:
            refused.append(words[0])
    if refused:
        found.fault(f"Its user may not {', '.join(refused)}.", _RULES)
    else:
        found.ok("Its user may do what Tandem does.")


async def _look_at_clock(redis: Any, found: Findings) -> None:
    before = time.time()
    try:
        seconds, microseconds = await redis.time()
    except NoPermissionError:
        found.warning("Its user may not TIME, so its clock was not compared.", _RULES)
        return
    found.clock(seconds + microseconds / 1e6 - (before + time.time()) / 2)
