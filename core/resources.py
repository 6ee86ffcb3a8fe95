"""What one process holds open, made from its settings."""

from collections import Counter

from core import database
from core.mail import mailer_for
from core.security.ended_sessions import EndedSessions
from core.security.passwords import PasswordHasher
from core.security.tokens import TokenIssuer
from core.settings import Settings
from core.usage import UsageCounts
from engine.postgres import TotalCounts, disconnect
from engine.redis import EventHub, RateLimiter, create_redis

#: Seconds of one window in which sign-in attempts are counted.
SIGN_IN_WINDOW = 300
#: Seconds of one window in which mails are counted.
MAIL_WINDOW = 3600


class Resources:
    """Clients, keys and counters of this process. Nothing connects before :meth:`open` or first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.passwords = PasswordHasher(
            rounds=settings.password_hash_rounds,
            threads=settings.password_hash_threads,
            key=settings.secret_key.get_secret_value(),
        )
        self.tokens = TokenIssuer(settings)
        self.ended_sessions = EndedSessions()
        self.redis = create_redis(settings.redis_url)
        self.events = EventHub(self.redis)
        self.requests = RateLimiter(self.redis, "tandem:requests")
        self.sign_ins = RateLimiter(self.redis, "tandem:sign-ins", window=SIGN_IN_WINDOW)
        self.mails = RateLimiter(self.redis, "tandem:mails", window=MAIL_WINDOW)
        self.mailer = mailer_for(settings)
        self.total_counts = TotalCounts()
        self.usage = UsageCounts()
        #: How many subscriptions each user has in this process.
        self.subscriptions: Counter[int] = Counter()

    async def open(self, *, connections: int = 1) -> None:
        """Set up the database pool, which keeps so many connections open, and connect to the events in Redis."""
        await database.connect(self.settings, kept_open=connections)
        await self.events.start()

    async def ping_redis(self) -> None:
        """Send PING to Redis; raises ``RedisError`` or ``OSError`` when it is unavailable."""
        await self.redis.execute_command("PING")  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Disconnect from Redis and PostgreSQL, and stop the threads."""
        await self.events.stop()
        await self.redis.aclose()
        self.passwords.close()
        await disconnect()
