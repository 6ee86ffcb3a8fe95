"""Who asks, and with what: one context a request, the same for both APIs."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from uuid import UUID

from core.errors import AdminRequired, AppError, AuthenticationError, TokenInvalid
from core.http.caller import Caller
from core.request_id import NO_REQUEST, current_request_id
from core.resources import Resources
from core.security.tokens import Claims
from graph.resolvers.loaders import Loaders, Reads
from graph.resolvers.viewer import user_of_session
from models import UserRow


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody. *reason* is what a resolver that needs somebody answers with."""

    reason: AuthenticationError


@dataclass(slots=True)
class SignedIn:
    """A live user with a live session.

    Args:
        user: as last looked up. A subscription looks the user up again at each event
            (:func:`graph.resolvers.notifications.while_signed_in`), so that nested fields see the present rights.
        session_id: of the session that the access token belongs to.
        expires_at: when the access token expires, in seconds since the epoch.
    """

    user: UserRow
    session_id: UUID
    expires_at: int


Viewer = Anonymous | SignedIn


@dataclass(frozen=True, slots=True)
class Context:
    """What a resolver may use.

    Args:
        resources: what the process holds open.
        caller: who sent the request, as its headers say.
        viewer: who that is, as the database says.
        loaders: what has been loaded, and what the operation reads of rows.
    """

    resources: Resources
    caller: Caller
    viewer: Viewer
    loaders: Loaders = field(default_factory=Loaders)

    @property
    def viewer_now(self) -> Hashable:
        """The viewer with the rights of this moment: contexts in which it is equal may read the same."""
        viewer = self.viewer
        return (viewer.user, viewer.session_id) if isinstance(viewer, SignedIn) else viewer

    @property
    def currency(self) -> str:
        """The one currency of all prices (ISO 4217)."""
        return self.resources.settings.currency

    def require_user(self) -> UserRow:
        """Return who is signed in.

        Raises:
            AuthenticationError: nobody is; the class says why.
        """
        return self.require_session().user

    def require_session(self) -> SignedIn:
        """Like :meth:`require_user`, with the session."""
        if isinstance(self.viewer, Anonymous):
            raise self.viewer.reason
        return self.viewer

    def require_admin(self) -> UserRow:
        """Return the administrator who is signed in.

        Raises:
            AuthenticationError: nobody is signed in.
            AdminRequired: somebody else is.
        """
        user = self.require_user()
        if not user.is_admin:
            raise AdminRequired
        return user


async def find_viewer(resources: Resources, credentials: Claims | AuthenticationError) -> Viewer:
    """Turn verified claims into somebody, unless the session or the user has ended since; then that is remembered.

    This one query is why a logout, a revocation, a deactivation or a deletion works at the next request.
    """
    if isinstance(credentials, AppError):
        return Anonymous(credentials)
    user = await user_of_session(credentials.session_id)
    if user is None or user.id != credentials.user_id or not user.is_active or not user.is_live:
        resources.ended_sessions.add(credentials)
        return Anonymous(TokenInvalid())
    return SignedIn(user, credentials.session_id, credentials.expires_at)


async def make_context(resources: Resources, caller: Caller, reads: Reads = None) -> Context:
    """Look the viewer up, and return the context of one request, or of one operation on a socket.

    Args:
        reads: what the operation reads of rows; everything if not given.
    """
    viewer = await find_viewer(resources, caller.credentials)
    caller.is_signed_in = isinstance(viewer, SignedIn)
    return Context(resources, caller, viewer, Loaders(reads))


def current_request() -> str | None:
    """Return the id of the request that the present task works for, as it is noted of what the request does."""
    request_id = current_request_id.get()
    return None if request_id == NO_REQUEST else request_id


async def look_again(ctx: Context) -> SignedIn:
    """Return who is signed in by now: what lies between the first look and an effect may have ended it (CWE-367).

    Call it where the effect is, in its transaction, after what was waited for.

    Raises:
        AuthenticationError: nobody is, any more.
    """
    viewer = await find_viewer(ctx.resources, ctx.caller.credentials)
    if isinstance(viewer, Anonymous):
        raise viewer.reason
    return viewer


async def is_signed_in(resources: Resources, credentials: Claims | AuthenticationError) -> bool:
    """Tell whether :func:`find_viewer` finds somebody."""
    return isinstance(await find_viewer(resources, credentials), SignedIn)
