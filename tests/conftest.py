"""Real servers for the whole run: one PostgreSQL and one Valkey, shared by all xdist workers.

``TEST_DATABASE_URL`` (an address of a maintenance database whose role may create databases) and
``TEST_REDIS_URL`` name servers of one's own instead. Tests that need neither start none.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from core.services import EmbeddedPostgres, EmbeddedValkey

REDIS_DATABASES = 16


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


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the xdist controller, start the servers before the first worker, and tell each worker."""
    node.workerinput["tandem_servers"] = _servers.urls()


def pytest_unconfigure() -> None:
    """Stop the servers after the last test."""
    _servers.stop()


@pytest.fixture(scope="session")
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


# Databases, the app and its clients: fixtures built on the two addresses above.
