"""One service for the JavaScript clients, and each file of checks run once."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.clients.node import Outcome, require_packages, run_checks
from tests.clients.service import Service, running_service

OutcomesOf = Callable[[str], list[Outcome]]


@pytest.fixture(scope="session")
def service(postgres_url: str) -> Iterator[Service]:
    """The service, with the sample data."""
    with running_service(postgres_url) as running:
        yield running


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
