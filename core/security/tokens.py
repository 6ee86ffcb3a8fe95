"""JSON Web Tokens (RFC 7519, with the advice of RFC 8725): signed with HS256 and nothing else."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import jwt

from core.errors import TokenExpired, TokenInvalid
from core.settings import Settings

ALGORITHM = "HS256"
ISSUER = "tandem"
AUDIENCE = "tandem-api"
#: Ours are about 400 characters; nobody gets to make us hash megabytes.
MAX_TOKEN_CHARACTERS = 2_000
#: Seconds by which the clock of the server that issued a token may be ahead of ours.
MAX_CLOCK_SKEW = 60
#: Most access tokens remembered after they were verified, of about 1 KB each.
MAX_REMEMBERED = 8_192


class TokenKind(StrEnum):
    """The ``typ`` claim: an access token never works as a refresh token, nor the other way round."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. Times are seconds since the epoch."""

    user_id: int
    session_id: UUID
    issued_at: int
    expires_at: int


def _key_id(key: str) -> str:
    return hmac.new(key.encode(), b"tandem key id", hashlib.sha256).hexdigest()[:16]


def message_key(key: str) -> bytes:
    """Return the key by which messages of tasks are signed: derived, so that neither signature serves as the other."""
    return hmac.digest(key.encode(), b"tandem task messages", "sha256")


def _require_canonical(token: str) -> None:
    """Refuse every other spelling of a token: it has one (RFC 7515, section 2; RFC 4648, section 3.5).

    PyJWT's decoder skips what is not of the alphabet, takes padding, and ignores the bits that are left over.

    Raises:
        ValueError: the token has padding, white space, or bits that mean nothing.
    """
    for part in token.split("."):
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
            raise ValueError("not in base64url without padding")


def token_hash(token: str) -> str:
    """Return the SHA-256 under which a refresh token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenIssuer:
    """Signs tokens with the current key and verifies them with any known one, chosen by ``kid``.

    Args:
        settings: have the keys and the lifetimes.
        max_remembered: access tokens that need no second look at their signature.
        clock: returns the seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        max_remembered: int = MAX_REMEMBERED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._keys = {_key_id(key): key for key in settings.secrets}
        self._signing_key_id = _key_id(settings.secrets[0])
        self._seconds = {
            TokenKind.ACCESS: settings.access_token_seconds,
            TokenKind.REFRESH: settings.refresh_token_seconds,
        }
        # An access token is sent with every request, and its signature is as good as the first time: what the
        # keys say of it does not change while this object lives. Refresh tokens are used once. What is not
        # good raises, and is not remembered.
        self._read_again = lru_cache(max_remembered)(self._read)

    def seconds(self, kind: TokenKind) -> int:
        """Return the lifetime of a new token, in seconds."""
        return self._seconds[kind]

    def issue(self, kind: TokenKind, *, user_id: int, session_id: UUID) -> str:
        """Return a new signed token."""
        now = int(self._clock())
        payload = {
            "typ": kind.value,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + self._seconds[kind],
        }
        headers = {"kid": self._signing_key_id}
        return jwt.encode(payload, self._keys[self._signing_key_id], algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str, kind: TokenKind) -> Claims:
        """Check signature, kind, issuer, audience and times.

        A token may be issued up to ``MAX_CLOCK_SKEW`` seconds in the future, because servers' clocks differ; it
        expires on the second (RFC 7519 sections 4.1.4 and 4.1.6).

        Raises:
            TokenExpired: everything is right but the time.
            TokenInvalid: anything else.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenInvalid
        read = self._read_again if kind is TokenKind.ACCESS else self._read
        claims = read(token, kind)
        # By the clock of this very call: the token may have been read long ago, and with a leeway.
        if claims.expires_at <= self._clock():
            raise TokenExpired
        return claims

    def _read(self, token: str, kind: TokenKind) -> Claims:
        """Check everything and return what the token says."""
        try:
            _require_canonical(token)
            key = self._keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                raise TokenInvalid
            payload = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=MAX_CLOCK_SKEW,  # of every time; ``verify`` takes it back from ``exp``
                options={"require": ["typ", "iss", "aud", "sub", "sid", "jti", "iat", "exp"]},
            )
            if payload["typ"] != kind:
                raise TokenInvalid
            return Claims(
                int(payload["sub"]), UUID(str(payload["sid"])), int(payload["iat"]), int(payload["exp"])
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise TokenInvalid from None
