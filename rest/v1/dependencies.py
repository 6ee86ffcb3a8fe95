"""What the routes of v1 are handed: the request's context, and the route class that answers HEAD."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from graph.resolvers.context import Context, make_context


async def get_context(request: Request) -> Context:
    """Build the context of this request, the same one that GraphQL gets."""
    return await make_context(request.app.state.resources, request.state.caller)


Ctx = Annotated[Context, Depends(get_context)]


async def _require_user(ctx: Ctx) -> Context:
    ctx.require_user()
    return ctx


async def _require_admin(ctx: Ctx) -> Context:
    ctx.require_admin()
    return ctx


# The resolvers ask again. Asked here as well, so that who may not call an operation learns that first,
# and not what is wrong with the shape of the input.
UserCtx = Annotated[Context, Depends(_require_user)]
AdminCtx = Annotated[Context, Depends(_require_admin)]


class Route(APIRoute):
    """A route that answers HEAD wherever it answers GET (RFC 9110 section 9.3.2)."""

    def _is_head(self, scope: Scope) -> bool:
        return scope.get("method") == "HEAD" and "GET" in (self.methods or ())

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match HEAD as GET."""
        return super().matches({**scope, "method": "GET"} if self._is_head(scope) else scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HEAD like GET, without the body."""
        if not self._is_head(scope):
            await super().handle(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await super().handle({**scope, "method": "GET"}, receive, send_head)
