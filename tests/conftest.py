"""Real servers for the whole run: one PostgreSQL and one Valkey, shared by all xdist workers.

``TEST_DATABASE_URL`` (an address of a maintenance database, for a superuser, since roles are made) and
``TEST_REDIS_URL`` name servers of one's own instead. Tests that need neither start none.
"""

import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import bcrypt
import pytest
from fastapi import FastAPI
from redis import Redis
from taskiq import async_shared_broker
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from app import create_app
from core.resources import Resources
from core.settings import Settings, load_settings
from dev import EmbeddedPostgres, EmbeddedValkey
from dev.roles import RoleAddresses, prepare_roles
from engine.redis import RateLimiter
from engine.redis.client import TIMEOUT_SECONDS
from models.migrate import migrate
from tasks.broker import broker_for
from tasks.orders import process_orders
from tests.client import Client
from tests.forked import Commands
from tests.servers import own_database

REDIS_DATABASES = 16
#: How long an answer of Redis is waited for in this process: on a busy machine one second is not enough, and then rate
#: limits are off.
REDIS_SECONDS = 30.0
#: Folders whose tests share one service, which takes some 10 seconds of processor time to start.
ONE_SERVICE = {"browser", "clients"}
SECRET = "a secret of the tests, which is long enough to be one"
TABLES = (
    "users",
    "sessions",
    "one_time_tokens",
    "products",
    "orders",
    "order_items",
    "order_events",
    "order_failures",
    "stock_movements",
    "idempotency_keys",
    "api_usage",
)
#: Of a table, above which it is truncated: 25 pages, which a test reads in no time.
SMALL_TABLE_BYTES = 200_000
# To truncate makes some 50 files anew and the plan of every prepared statement void, which takes 20 times as long as
# to delete the few rows of a test. Both wait until whatever is under way in these tables has ended.
EMPTY_TABLES = f"""DO $$ BEGIN
    LOCK TABLE {", ".join(TABLES)};
    SET LOCAL session_replication_role = replica;  -- no trigger, no check of a foreign key
    IF greatest({", ".join(f"pg_relation_size('{table}')" for table in TABLES)}) > {SMALL_TABLE_BYTES} THEN
        TRUNCATE {", ".join(TABLES)} CASCADE;
    ELSE
        {" ".join(f"DELETE FROM {table};" for table in TABLES)}
    END IF;
    PERFORM setval(oid, 1, false) FROM pg_class
        WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace AND relname <> 'aerich_id_seq';
END $$"""

ClientWith = Callable[..., Awaitable[Client]]


async def empty_tables(superuser: asyncpg.Connection) -> None:
    """Empty every table, and let ids begin anew."""
    await superuser.execute(EMPTY_TABLES)


async def rewrite(superuser: asyncpg.Connection, statement: str) -> None:
    """Run what the triggers of history and ledger refuse."""
    await superuser.execute(f"SET LOCAL session_replication_role = replica; {statement}")


@dataclass
class Servers:
    """The servers of this run, started when first asked for; the controlling process owns them."""

    _postgres: EmbeddedPostgres | None = None
    _valkey: EmbeddedValkey | None = None
    _folder: Path | None = None
    _handed: dict[str, str] = field(default_factory=dict)

    def adopt(self, urls: dict[str, str]) -> None:
        """Use the servers that the controlling process has started."""
        self._handed = urls

    def urls(self) -> dict[str, str]:
        """Start everything and return the addresses, to hand on."""
        return {"postgres": self.postgres_url(), "redis": self.redis_url()}

    def postgres_url(self) -> str:
        """Address of PostgreSQL's maintenance database."""
        if url := self._handed.get("postgres") or os.environ.get("TEST_DATABASE_URL"):
            return url
        if self._postgres is None:
            self._postgres = EmbeddedPostgres(self._temporary() / "postgres", durable=False)
            self._postgres.start()
        return self._postgres.url("postgres")

    def redis_url(self) -> str:
        """Address of database 0."""
        if url := self._handed.get("redis") or os.environ.get("TEST_REDIS_URL"):
            return url
        if self._valkey is None:
            self._valkey = EmbeddedValkey(self._temporary() / "valkey", durable=False)
            self._valkey.start()
        return self._valkey.url()

    def stop(self) -> None:
        """Stop what this process has started, and leave no files."""
        homes = [server.home for server in (self._valkey, self._postgres) if server is not None]
        for server in (self._valkey, self._postgres):
            if server is not None:
                server.stop()
        for folder in (*homes, self._folder):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        self._valkey = self._postgres = self._folder = None

    def _temporary(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="tandem-tests-"))
            # As root the servers run as another user, who must get in; secrets inside have their own modes.
            self._folder.chmod(0o755)
        return self._folder


_servers = Servers()


def pytest_configure(config: pytest.Config) -> None:
    """In an xdist worker, take the addresses that the controller sent."""
    handed: dict[str, Any] = getattr(config, "workerinput", {})
    if urls := handed.get("tandem_servers"):
        _servers.adopt(urls)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no xdist worker is left alone with a long file in the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.parent.name not in ONE_SERVICE, item.path not in slow))


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Leaves what shares a service, a browser or a fixture of its module to one worker: each is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = Path(file).parent
        return str(folder) if folder.name in ONE_SERVICE else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Distribute by file, in the order above."""
    config.option.loadscopereorder = False
    return _ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the xdist controller, start the servers before the first worker, and tell each worker."""
    node.workerinput["tandem_servers"] = _servers.urls()


def pytest_unconfigure() -> None:
    """Stop the servers after the last test."""
    _servers.stop()


# For all, since what a test that is not asynchronous wants may be.
@pytest.fixture(scope="session", autouse=True)
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run asynchronous tests on the loop that production uses, one loop for the whole session."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """Address of the maintenance database of a server on which databases may be made and dropped."""
    return _servers.postgres_url()


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """Address of a Redis database that this xdist worker has to itself."""
    worker: str = getattr(request.config, "workerinput", {}).get("workerid", "")
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    return str(urlunsplit(urlsplit(_servers.redis_url())._replace(path=f"/{number % REDIS_DATABASES}")))


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Run commands without the imports that each costs."""
    with Commands() as opened:
        yield opened


@pytest.fixture
def empty_redis_url(redis_url: str) -> str:
    """The same address, its database emptied: what earlier tests left in the queue finds no worker.

    Every test that starts a worker of its own begins with this, ``clean``, or a Valkey of its own.
    """
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    return redis_url


@pytest.fixture(scope="session")
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """Address, for a superuser, of a database that this xdist worker has to itself."""
    async with own_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
async def role_addresses(database_url: str) -> RoleAddresses:
    """Addresses of the same database, migrated by its owner, for its roles."""
    addresses = await prepare_roles(database_url)
    urls = {"database_url": addresses.app, "database_owner_url": addresses.owner}
    await migrate(load_settings(**urls, secret_key=SECRET))
    return addresses


@pytest.fixture(scope="session")
async def superuser(database_url: str, role_addresses: RoleAddresses) -> AsyncIterator[asyncpg.Connection]:
    """A connection for what the application may not do."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def owns_demo(superuser: asyncpg.Connection) -> AsyncIterator[None]:
    """Let the application's role do what ``tandem demo`` does as the owner: date back, and make a trigger."""
    await superuser.execute(
        "ALTER TABLE order_events OWNER TO tandem_app; ALTER TABLE stock_movements OWNER TO tandem_app;"
        "GRANT TRIGGER ON orders TO tandem_app; GRANT CREATE ON SCHEMA public TO tandem_app"
    )
    yield
    await superuser.execute(
        "ALTER TABLE order_events OWNER TO tandem_owner; ALTER TABLE stock_movements OWNER TO tandem_owner;"
        "GRANT SELECT, INSERT ON order_events, stock_movements TO tandem_app;"
        "GRANT USAGE ON order_events_id_seq, stock_movements_id_seq TO tandem_app;"
        "REVOKE TRIGGER ON orders FROM tandem_app; REVOKE CREATE ON SCHEMA public FROM tandem_app;"
        "DROP FUNCTION IF EXISTS demo_trouble CASCADE"
    )


@pytest.fixture(scope="session")
def settings(role_addresses: RoleAddresses, redis_url: str) -> Settings:
    """Settings of the app under test: cheap hashes, and no limits but those that a test sets.

    It has the rows and no more, so that every test shows that this is enough.
    """
    return load_settings(
        database_url=role_addresses.app,
        redis_url=redis_url,
        secret_key=SECRET,
        password_hash_rounds=4,
        rate_limit_user=0,
        rate_limit_anonymous=0,
        sign_in_limit_account=0,
        sign_in_limit_account_total=0,
        sign_in_limit_address=0,
        password_proof_limit=0,
        graphql_show_cost=False,
    )


@pytest.fixture(scope="session", autouse=True)
def long_redis_timeout() -> Iterator[None]:
    """Let no test hang on how soon Redis answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.redis.client.TIMEOUT_SECONDS", REDIS_SECONDS)
        yield


@pytest.fixture
def redis_timeout_of_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for Redis as long as in service: for tests in which no answer comes."""
    monkeypatch.setattr("engine.redis.client.TIMEOUT_SECONDS", TIMEOUT_SECONDS)


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, started."""
    application = create_app(settings)
    # It writes only what a test tells it to: no row appears behind the back of one that looks at all tables.
    application.state.usage.start = lambda: None
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def clean(app: FastAPI, superuser: asyncpg.Connection) -> None:
    """Empty every table and this worker's Redis database."""
    await empty_tables(superuser)
    await app.state.resources.redis.flushdb()


@pytest.fixture
def resources(app: FastAPI, clean: None) -> Resources:
    """What the application holds open."""
    held: Resources = app.state.resources
    return held


@pytest.fixture(autouse=True)
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no new window of a rate limit begin during a test: what it counts does not hang on when it started."""
    started = time.time()
    defaults = RateLimiter.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "clock", lambda: started)


@pytest.fixture
async def broker_unavailable(settings: Settings, app: FastAPI) -> AsyncIterator[None]:
    """Let everything that is sent to the workers go to a Redis that is not there."""
    broker = process_orders.kicker().broker
    unavailable = broker_for(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    async_shared_broker.default_broker(unavailable)
    yield
    async_shared_broker.default_broker(broker)
    await unavailable.shutdown()


@pytest.fixture
def checked_passwords(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What bcrypt is asked to check from now on, in this order."""
    checked: list[bytes] = []
    checkpw = bcrypt.checkpw

    def note(secret: bytes, expected: bytes) -> bool:
        checked.append(secret)
        return checkpw(secret, expected)

    monkeypatch.setattr(bcrypt, "checkpw", note)
    return checked


@pytest.fixture
async def client(app: FastAPI, clean: None) -> AsyncIterator[Client]:
    """A client of both faces, over an empty database."""
    async with Client(app) as opened:
        yield opened


@pytest.fixture
async def client_with(settings: Settings, app: FastAPI, clean: None) -> AsyncIterator[ClientWith]:
    """Make clients of applications with other settings, over the same database."""
    async with AsyncExitStack() as stack:

        async def make(**overrides: object) -> Client:
            other = create_app(settings.model_copy(update=overrides))
            await other.state.resources.events.start()
            stack.push_async_callback(other.state.resources.redis.aclose)
            stack.push_async_callback(other.state.resources.events.stop)
            return await stack.enter_async_context(Client(other))

        yield make
