"""One service for the JavaScript clients, and each file of checks run once."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.clients.node import Outcome, require_packages, run_checks
from tests.clients.service import SOCKET_PROTOCOL, Service, running_service

OutcomesOf = Callable[[str], list[Outcome]]


@pytest.fixture(scope="session")
def opened(postgres_url: str) -> Iterator[tuple[Service, ClientConnection]]:
    """The service, and a socket that never says anything: the other tests pass its time."""
    with (
        running_service(postgres_url) as running,
        connect(running.socket_url, subprotocols=[SOCKET_PROTOCOL]) as silent,
    ):
        yield running, silent


@pytest.fixture(scope="session")
def service(opened: tuple[Service, ClientConnection]) -> Service:
    """The service, with the sample data."""
    return opened[0]


@pytest.fixture(scope="session")
def silent_socket(opened: tuple[Service, ClientConnection]) -> ClientConnection:
    """A socket that was opened when the service had started, and never says anything."""
    return opened[1]


@pytest.fixture(scope="session")
def outcomes_of(request: pytest.FixtureRequest) -> OutcomesOf:
    """Run a file of checks when first asked about it, and remember how they went."""
    known: dict[str, list[Outcome]] = {}

    def outcomes(file: str) -> list[Outcome]:
        require_packages()
        if file not in known:
            known[file] = asyncio.run(run_checks(file, request.getfixturevalue("service")))
        return known[file]

    return outcomes
