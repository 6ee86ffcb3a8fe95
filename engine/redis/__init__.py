"""Redis or Valkey: client, publish and subscribe, rate limiter, stream broker."""

from engine.redis.client import create_redis
from engine.redis.dead_letters import DeadLetter, DeadLetters
from engine.redis.pubsub import EventHub, publish
from engine.redis.rate_limiter import Quota, RateLimiter
from engine.redis.receiver import RedeliveringReceiver, TryAgain
from engine.redis.signed_messages import MAX_AGE, SignedFormatter
from engine.redis.stream_broker import ALONG, JOIN, QUEUE_NAME, StreamBroker, along
from engine.redis.stream_group import GROUP, StreamState, dead_letters_of, stream_state
from engine.redis.stream_group import counts as stream_counts
from engine.redis.subscriber import RESYNC, Event, Subscriber

__all__ = [
    "ALONG",
    "GROUP",
    "JOIN",
    "MAX_AGE",
    "QUEUE_NAME",
    "RESYNC",
    "DeadLetter",
    "DeadLetters",
    "Event",
    "EventHub",
    "Quota",
    "RateLimiter",
    "RedeliveringReceiver",
    "SignedFormatter",
    "StreamBroker",
    "StreamState",
    "Subscriber",
    "TryAgain",
    "along",
    "create_redis",
    "dead_letters_of",
    "publish",
    "stream_counts",
    "stream_state",
]
