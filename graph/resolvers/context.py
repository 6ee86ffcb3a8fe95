"""Who asks, and with what: one context a request, the same for both faces."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.errors import AdminRequired, AppError, AuthenticationError, TokenInvalid
from core.http.caller import Caller
from core.resources import Resources
from core.security.tokens import Claims
from graph.resolvers.loaders import Loaders, Reads
from graph.resolvers.viewer import live_user
from models import User


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody. *reason* is what a resolver that needs somebody answers with."""

    reason: AuthenticationError


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live user with a live session. ``expires_at`` (seconds since the epoch) is the access token's."""

    user: User
    session_id: UUID
    expires_at: int


Viewer = Anonymous | SignedIn


@dataclass(slots=True)
class Context:
    """What a resolver may use.

    Args:
        resources: what the process holds open.
        caller: who sent the request, as its headers say.
        viewer: who that is, as the database says.
    """

    resources: Resources
    caller: Caller
    viewer: Viewer
    loaders: Loaders = field(default_factory=Loaders)
    #: What the operation reads of the rows that are loaded, as far as its plan tells.
    reads: Reads = None
    #: Strawberry puts the payload of a socket's ``connection_init`` here.
    connection_params: dict[str, Any] | None = None

    @property
    def currency(self) -> str:
        """The one currency of all prices (ISO 4217)."""
        return self.resources.settings.currency

    def narrow(self, reads: Reads) -> None:
        """Read no more than *reads* of the rows from here on."""
        self.reads = reads
        self.load_afresh()

    def load_afresh(self) -> None:
        """Forget what has been loaded, as after a change."""
        self.loaders = Loaders(self.reads)

    def require_user(self) -> User:
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

    def require_admin(self) -> User:
        """Return the administrator who is signed in.

        Raises:
            AuthenticationError: nobody is signed in.
            AdminRequired: somebody else is.
        """
        user = self.require_user()
        if not user.is_admin:
            raise AdminRequired
        return user


async def find_viewer(credentials: Claims | AuthenticationError) -> Viewer:
    """Turn verified claims into somebody, unless the session or the user has ended since.

    This one query is why a logout, a revocation, a deactivation or a deletion works at the next request.
    """
    if isinstance(credentials, AppError):
        return Anonymous(credentials)
    user = await live_user(credentials.session_id)
    if user is None or user.id != credentials.user_id or not user.is_active or user.deleted_at is not None:
        return Anonymous(TokenInvalid())
    return SignedIn(user, credentials.session_id, credentials.expires_at)


async def make_context(resources: Resources, caller: Caller, reads: Reads = None) -> Context:
    """Build the context of one request, or of one operation on a socket.

    Args:
        reads: what it reads of the rows that are loaded; everything if not given.
    """
    viewer = await find_viewer(caller.credentials)
    return Context(resources, caller, viewer, Loaders(reads), reads)
