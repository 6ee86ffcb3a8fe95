"""Sessions that were found to have ended while access tokens of them are still valid by their signature."""

import time
from collections import OrderedDict
from uuid import UUID

from core.security.tokens import Claims

MAX_SESSIONS = 10_000


class EndedSessions:
    """What this process knows of sessions that have ended: each until its tokens expire, the latest ``MAX_SESSIONS``.

    A session never comes back, so this saves asking; that one is not here says nothing.
    """

    def __init__(self) -> None:
        #: When the last token that was seen expires, in seconds since the epoch, by session.
        self._ended: OrderedDict[UUID, float] = OrderedDict()

    def __contains__(self, session_id: UUID) -> bool:
        # Usually there are none, and the hash of an UUID takes longer than the look-up.
        return bool(self._ended) and session_id in self._ended

    def __len__(self) -> int:
        return len(self._ended)

    def add(self, claims: Claims) -> None:
        """Remember that the session of a token has ended."""
        self._ended[claims.session_id] = claims.expires_at
        self._ended.move_to_end(claims.session_id)
        # Tokens live equally long, so the first to be found are about the first to expire.
        now = time.time()
        while len(self._ended) > MAX_SESSIONS or (self._ended and next(iter(self._ended.values())) < now):
            self._ended.popitem(last=False)
