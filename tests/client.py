"""A client of both faces, in the same process as the application."""

from dataclasses import dataclass
from typing import Any, Self

import httpx
from fastapi import FastAPI

from core.resources import Resources
from models import User
from tests.factories import make_token


@dataclass(frozen=True)
class Answer:
    """What GraphQL answered."""

    response: httpx.Response
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        """The data, of an answer without errors."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        """The codes of the errors at the top level."""
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]


class Client:
    """Sends requests to an application; ``rest`` is a plain HTTP client for any address."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.resources: Resources = app.state.resources
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.rest = httpx.AsyncClient(transport=transport, base_url="http://tandem.test")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rest.aclose()

    async def headers(self, user: User | None, token: str | None = None) -> dict[str, str]:
        """Return the headers that sign *user* in, through a session of its own."""
        if user is not None:
            token = await make_token(self.resources, user)
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def graphql(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        user: User | None = None,
        token: str | None = None,
    ) -> Answer:
        """Send one operation, signed in as *user* or with *token*."""
        body = {"query": query, "variables": variables}
        response = await self.rest.post("/graphql", json=body, headers=await self.headers(user, token))
        return Answer(response, response.json())

    async def v1(
        self, method: str, path: str, *, user: User | None = None, token: str | None = None, **options: Any
    ) -> httpx.Response:
        """Send one request to API v1; *path* is below ``/api/v1``."""
        headers = await self.headers(user, token) | options.pop("headers", {})
        return await self.rest.request(method, f"/api/v1{path}", headers=headers, **options)
