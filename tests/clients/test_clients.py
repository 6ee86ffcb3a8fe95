"""Clients that front-end teams use, each against the real service: see the checks in the ``.mjs`` files."""

import pytest

from tests.clients.conftest import OutcomesOf
from tests.clients.node import names_of_checks

CLIENTS = ("apollo", "persisted", "urql", "graphql_ws", "graphql_sse", "recipes")
CHECKS = [
    pytest.param(f"{client}.mjs", name, id=f"{client} {name}")
    for client in CLIENTS
    for name in names_of_checks(f"{client}.mjs")
]


@pytest.mark.parametrize(("file", "name"), CHECKS)
def test_client(file: str, name: str, outcomes_of: OutcomesOf) -> None:
    """The check named *name* has passed."""
    errors = {outcome.name: outcome.error for outcome in outcomes_of(file)}
    assert errors[name] is None, errors[name]
