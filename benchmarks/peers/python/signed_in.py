"""Who asks, by the access token. A token that was good once is remembered until it expires: generous to the peers."""

import base64
import os
import time

import jwt

POOL = int(os.environ["BENCH_POOL"])
DATABASE_URL = os.environ["BENCH_DATABASE_URL"]

_known: dict[str, tuple[int, int]] = {}


def viewer_id(authorization: str) -> int:
    """Return the user id of a ``Bearer`` header.

    Raises:
        jwt.PyJWTError: the token is not good.
    """
    user_id, expires_at = _known.get(authorization) or _verify(authorization)
    if expires_at < time.time():
        raise jwt.ExpiredSignatureError
    return user_id


def _verify(authorization: str) -> tuple[int, int]:
    token = authorization.removeprefix("Bearer ")
    claims = jwt.decode(
        token, os.environ["BENCH_SECRET"], algorithms=["HS256"], issuer="tandem", audience="tandem-api"
    )
    if len(_known) > 10_000:
        _known.clear()
    _known[authorization] = int(claims["sub"]), int(claims["exp"])
    return _known[authorization]


def global_id(type_name: str, key: int) -> str:
    """Return Relay's global id of a row."""
    return base64.b64encode(f"{type_name}:{key}".encode()).decode()


def database_id(id: str) -> int:
    """Return the key behind a global id."""
    return int(base64.b64decode(id).decode().partition(":")[2])


def amount(minor: int) -> str:
    """Return minor units as a decimal with two places."""
    return f"{minor // 100}.{minor % 100:02}"
