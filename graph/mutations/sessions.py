"""Mutations of the viewer's sessions."""

import strawberry

from graph.mutations.binding import mutation
from graph.resolvers import sessions
from graph.types.nodes import Info, session_id
from graph.types.sessions import (
    RevokeOtherSessionsInput,
    RevokeOtherSessionsPayload,
    RevokeSessionInput,
    RevokeSessionPayload,
)


@strawberry.type
class SessionMutations:
    """Bindings of :mod:`graph.resolvers.sessions`."""

    @mutation
    async def revoke_session(self, info: Info, input: RevokeSessionInput) -> RevokeSessionPayload:
        """End one of the viewer's sessions: all of its tokens stop working at once."""
        ctx = info.context
        columns = ctx.loaders.columns_of("Session")
        session = await sessions.revoke_session(ctx, session_id(input.id), columns=columns)
        return RevokeSessionPayload(session=session)

    @mutation
    async def revoke_other_sessions(
        self, info: Info, input: RevokeOtherSessionsInput
    ) -> RevokeOtherSessionsPayload:
        """End all other sessions of the viewer, or all of them: their tokens stop working at once."""
        count = await sessions.revoke_other_sessions(info.context, keep_current=input.keep_current)
        return RevokeOtherSessionsPayload(revoked_count=count)
