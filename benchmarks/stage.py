"""What every measurement stands on: PostgreSQL and Valkey of the bench's own, their data kept from run to run."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from pydantic import SecretStr

from benchmarks import dataset
from benchmarks.machine import confined
from benchmarks.product import (
    EmbeddedPostgres,
    EmbeddedValkey,
    Settings,
    TokenIssuer,
    TokenKind,
    load_settings,
)

#: Signs the bench's tokens, which no other system takes. Production insists on a strong one.
SECRET = "the bench signs with this key, and nobody else: 0123456789abcdef"
CACHE = Path("var/bench")


@dataclass(frozen=True)
class Stage:
    """The servers that are up, as the settings of a process that uses them."""

    cache: Path
    settings: Settings
    database_log: Path
    #: Process ids of the servers, by name.
    services: dict[str, int]

    def on_database(self, name: str) -> "Stage":
        """Return the same with another database of the same cluster, made if it is missing."""
        asyncio.run(_create_database(self.settings.database_url, name))
        return replace(
            self, settings=self.settings.model_copy(update={"database_url": self.database_url(name)})
        )

    def database_url(self, name: str) -> str:
        """Return the address of another database of the same cluster; ``postgres`` is there for maintenance."""
        return urlsplit(self.settings.database_url)._replace(path=f"/{name}").geturl()

    def token(self, user_id: int) -> str:
        """Return an access token of one of the viewers, good for a day."""
        issuer = TokenIssuer(self.settings)
        return issuer.issue(TokenKind.ACCESS, user_id=user_id, session_id=dataset.session_of(user_id))


async def _create_database(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


def say(line: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def stage(cache: Path, *, processors: set[int] | None = None) -> Iterator[Stage]:
    """Run PostgreSQL (fsync on) and Valkey with their data in *cache*.

    Args:
        processors: where they may run; None is anywhere.

    Raises:
        ServiceError: one of them cannot start.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        with confined(processors):
            postgres = running.enter_context(EmbeddedPostgres(cache / "postgres", say=say))
            valkey = running.enter_context(EmbeddedValkey(cache / "valkey", say=say))
        settings = load_settings(
            database_url=postgres.url(),
            redis_url=valkey.url(),
            data_dir=cache,
            secret_key=SecretStr(SECRET),
            access_token_seconds=24 * 3600,
        )
        pids = {"PostgreSQL": postgres.pid, "Valkey": valkey.pid}
        services = {name: pid for name, pid in pids.items() if pid is not None}
        yield Stage(cache, settings, postgres.log_path, services)


def prepare(on: Stage, size: dataset.Size = dataset.FULL) -> None:
    """Load the data set, unless it is there."""
    asyncio.run(dataset.load(on.settings, size, say=say))


def environment(**values: str) -> dict[str, str]:
    """Return the environment of a server under test: this one's, without what would configure it by chance."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TANDEM_", "NODE_", "PYTHON"))
    }
    return kept | values
