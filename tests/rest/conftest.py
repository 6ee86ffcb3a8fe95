"""A client of v1 whose every answer is held against the OpenAPI document."""

from typing import Any

import httpx
import pytest

from tests.client import Client
from tests.rest.conformance import Call, check_answer


@pytest.fixture
def v1(client: Client) -> Call:
    """Send a request to v1, and check that its answer is one that the OpenAPI document describes."""

    async def call(method: str, path: str, **options: Any) -> httpx.Response:
        answer = await client.v1(method, path, **options)
        check_answer(client.app, answer)
        return answer

    return call
