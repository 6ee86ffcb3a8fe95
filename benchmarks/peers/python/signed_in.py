"""Who asks, by the access token; PyJWT remembers none, so each is verified each time."""

import base64
import os
from typing import Any

import jwt

POOL = int(os.environ["BENCH_POOL"])
DATABASE_URL = os.environ["BENCH_DATABASE_URL"]


def claims_of(authorization: str) -> dict[str, Any]:
    """Return what the token of a ``Bearer`` header says.

    Raises:
        jwt.PyJWTError: the token is not good.
    """
    token = authorization.removeprefix("Bearer ")
    return jwt.decode(
        token, os.environ["BENCH_SECRET"], algorithms=["HS256"], issuer="tandem", audience="tandem-api"
    )


def viewer_id(authorization: str) -> int:
    """Return the user id of a ``Bearer`` header; raises as :func:`claims_of` does."""
    return int(claims_of(authorization)["sub"])


def global_id(type_name: str, key: int) -> str:
    """Return Relay's global id of a row."""
    return base64.b64encode(f"{type_name}:{key}".encode()).decode()


def database_id(id: str) -> int:
    """Return the key behind a global id."""
    return int(base64.b64decode(id).decode().partition(":")[2])


def amount(minor: int) -> str:
    """Return minor units as a decimal with two places."""
    return f"{minor // 100}.{minor % 100:02}"
