"""What the endpoints of v1 are handed: the context of their request, of anybody, of a user or of an administrator."""

from typing import Annotated

from fastapi import Depends, Request

from graph.resolvers.context import Context, make_context


async def _context(request: Request) -> Context:
    """Build the context of this request, the same one that GraphQL gets."""
    return await make_context(request.app.state.resources, request.scope["state"]["caller"])


async def _user_context(request: Request) -> Context:
    ctx = await _context(request)
    ctx.require_user()
    return ctx


async def _admin_context(request: Request) -> Context:
    ctx = await _context(request)
    ctx.require_admin()
    return ctx


Ctx = Annotated[Context, Depends(_context)]
# The resolvers ask again. Asked here as well, so that who may not call an operation learns that first,
# and not what is wrong with the shape of the input.
UserCtx = Annotated[Context, Depends(_user_context)]
AdminCtx = Annotated[Context, Depends(_admin_context)]
