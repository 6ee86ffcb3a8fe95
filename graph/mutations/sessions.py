"""Mutations of the viewer's sessions."""

from typing import Annotated

import strawberry

from graph.mutations.input import WHAT
from graph.resolvers import sessions
from graph.types.errors import payload
from graph.types.nodes import Info, session_id
from graph.types.sessions import (
    RevokeOtherSessionsInput,
    RevokeOtherSessionsPayload,
    RevokeSessionInput,
    RevokeSessionPayload,
)


@strawberry.type
class SessionMutations:
    """Bindings of the resolvers of the same name."""

    @strawberry.mutation(description="End one of the viewer's sessions: all of its tokens stop at once.")
    async def revoke_session(
        self, info: Info, input: Annotated[RevokeSessionInput, WHAT]
    ) -> RevokeSessionPayload:
        """End one session."""
        return await payload(
            info.context,
            RevokeSessionPayload,
            lambda: sessions.revoke_session(info.context, session_id(input.id)),
            lambda row: {"session": row},
        )

    @strawberry.mutation(description="End all of the viewer's other sessions, or all of them.")
    async def revoke_other_sessions(
        self, info: Info, input: Annotated[RevokeOtherSessionsInput, WHAT]
    ) -> RevokeOtherSessionsPayload:
        """Sign out elsewhere, or everywhere."""
        return await payload(
            info.context,
            RevokeOtherSessionsPayload,
            lambda: sessions.revoke_other_sessions(info.context, keep_current=input.keep_current),
            lambda count: {"revoked_count": count},
        )
