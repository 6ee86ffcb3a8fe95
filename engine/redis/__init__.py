"""Redis or Valkey: client, publish and subscribe, rate limiter, stream broker."""

from engine.redis.client import create_redis
from engine.redis.pubsub import EventHub, publish, publish_all
from engine.redis.rate_limiter import Quota, RateLimiter
from engine.redis.stream_broker import JOIN, StreamBroker
from engine.redis.subscriber import RESYNC, Event

__all__ = [
    "JOIN",
    "RESYNC",
    "Event",
    "EventHub",
    "Quota",
    "RateLimiter",
    "StreamBroker",
    "create_redis",
    "publish",
    "publish_all",
]
