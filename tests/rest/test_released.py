"""What clients of v1 were given last is kept, and the changelog says what is new since."""

import orjson
import pytest

from dev.api_changes.changelog import CHANGELOG, RELEASED_OPENAPI, describe_changes, replace_changes
from dev.api_changes.openapi import compare_openapi
from tests.client import Client

pytestmark = pytest.mark.anyio


async def test_nothing_that_clients_of_the_released_document_rely_on_is_broken(client: Client) -> None:
    served = (await client.rest.get("/openapi.json")).json()
    released = orjson.loads(RELEASED_OPENAPI.read_bytes())
    broken = [str(change) for change in compare_openapi(released, served) if change.breaks]
    assert broken == [], "v1 is frozen: add, or deprecate in core/deprecations.py first (CONTRIBUTING.md)"


def test_the_changelog_says_what_has_changed_in_both_apis() -> None:
    text = CHANGELOG.read_text(encoding="utf-8")
    assert text == replace_changes(text, describe_changes()), "CHANGELOG.md is stale: run `make schema`"
