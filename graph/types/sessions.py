"""``Session``, and the inputs and payloads of its mutations."""

from datetime import datetime

import strawberry

from engine.graphql import reads
from graph.resolvers.context import SignedIn
from graph.types.errors import Payload
from graph.types.nodes import Info, Node, recognise
from models import Session, SessionRow


@strawberry.type(name="Session", description="One sign-in of a user, on one device. Only that user sees it.")
class SessionType(Node):
    """A row of :class:`models.Session`."""

    created_at: datetime = strawberry.field(description="When the user signed in.")
    last_used_at: datetime = strawberry.field(description="When the session last got new tokens.")
    expires_at: datetime = strawberry.field(
        description="When the session ends, unless it gets new tokens before."
    )
    user_agent: str = strawberry.field(
        description="The `User-Agent` that the browser or program sent when it signed in, at most 200 characters;"
        " may be empty."
    )
    address: str = strawberry.field(
        description="The IP address that the sign-in came from, such as `192.0.2.1`; may be empty."
    )

    is_type_of = recognise(Session)

    @strawberry.field(
        description="Whether the request that asks is signed in by this session.", metadata=reads("id")
    )
    def is_current(root: strawberry.Parent[SessionRow], info: Info) -> bool:
        viewer = info.context.viewer
        return isinstance(viewer, SignedIn) and viewer.session_id == root.id


@strawberry.input(description="The session to end.")
class RevokeSessionInput:
    """Input of ``revokeSession``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the session, one of the viewer's.")


@strawberry.input(description="Which of the viewer's sessions to end.")
class RevokeOtherSessionsInput:
    """Input of ``revokeOtherSessions``."""

    keep_current: bool = strawberry.field(
        default=True,
        description="True: all but the session of this request end. False: this one ends too.",
    )


@strawberry.type
class SessionOutcome:
    """What ``revokeSession`` shows."""

    session: SessionRow | None = strawberry.field(
        default=None,
        graphql_type=SessionType | None,
        description="The session that has ended; null after an error.",
    )


@strawberry.type
class SessionsOutcome:
    """What ``revokeOtherSessions`` shows."""

    revoked_count: int = strawberry.field(
        default=0, description="The number of sessions that have ended; 0 after an error."
    )


@strawberry.type(description="The outcome of `revokeSession`.")
class RevokeSessionPayload(SessionOutcome, Payload): ...


@strawberry.type(description="The outcome of `revokeOtherSessions`.")
class RevokeOtherSessionsPayload(SessionsOutcome, Payload): ...
