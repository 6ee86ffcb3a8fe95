"""``Session``, and the inputs and payloads of its mutations."""

from datetime import datetime

import strawberry

from engine.graphql import reads
from graph.resolvers.context import SignedIn
from graph.types.errors import UserError
from graph.types.nodes import Info, Node, recognise
from models import Session


@strawberry.type(name="Session", description="One sign-in, on one device. Only its user gets to see it.")
class SessionType(Node):
    """A row of :class:`models.Session`."""

    created_at: datetime = strawberry.field(description="When somebody signed in.")
    last_used_at: datetime = strawberry.field(description="When it last got new tokens.")
    expires_at: datetime = strawberry.field(description="When it ends, unless it gets new tokens before.")
    user_agent: str = strawberry.field(
        description="What the browser or program called itself when it signed in; may be empty."
    )
    address: str = strawberry.field(
        description="The network address that the sign-in came from; may be empty."
    )

    is_type_of = recognise(Session)

    @strawberry.field(description="Whether this very request is signed in by it.", metadata=reads("id"))
    def is_current(root: strawberry.Parent[Session], info: Info) -> bool:
        """Compare it with the viewer's."""
        viewer = info.context.viewer
        return isinstance(viewer, SignedIn) and viewer.session_id == root.id


@strawberry.input(description="Which session to end.")
class RevokeSessionInput:
    """Input of ``revokeSession``."""

    id: strawberry.ID = strawberry.field(description="The session's global id.")


@strawberry.input(description="Which sessions to end.")
class RevokeOtherSessionsInput:
    """Input of ``revokeOtherSessions``."""

    keep_current: bool = strawberry.field(
        default=True, description="False ends the present session too: signed out everywhere."
    )


@strawberry.type(description="The outcome of `revokeSession`.")
class RevokeSessionPayload:
    """The session, for the last time."""

    session: SessionType | None = strawberry.field(
        default=None, description="The session that has ended; null after an error."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )


@strawberry.type(description="The outcome of `revokeOtherSessions`.")
class RevokeOtherSessionsPayload:
    """How many there were."""

    revoked_count: int = strawberry.field(default=0, description="How many sessions have ended.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )
