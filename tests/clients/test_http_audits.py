"""GraphQL over HTTP, by the audits of the package graphql-http."""

import pytest

from tests.clients.conftest import OutcomesOf

#: How many audits there are by each word of RFC 2119: 61 in all.
AUDITS = {"MUST": 13, "SHOULD": 23, "MAY": 25}


@pytest.mark.parametrize("word", AUDITS)
def test_graphql_over_http(word: str, outcomes_of: OutcomesOf) -> None:
    """Every audit passes, those that are only recommended too."""
    audits = [audit for audit in outcomes_of("audits.mjs") if audit.name.startswith(word)]
    failures = [f"{audit.name}\n    {audit.error}" for audit in audits if audit.error]
    assert not failures, "\n".join(failures)
    assert len(audits) == AUDITS[word]
