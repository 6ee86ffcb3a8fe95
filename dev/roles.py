"""The two roles of PostgreSQL in a database of development: its owner, and the one with rows only."""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.postgres import single_connection

SCRIPT = Path(__file__).parents[1] / "scripts" / "postgres-roles.sql"


@dataclass(frozen=True)
class RoleAddresses:
    """Addresses of one database: for its owner, who migrates it, and for the role that has its rows only."""

    owner: str
    app: str


async def prepare_roles(superuser_url: str) -> RoleAddresses:
    """Make the roles where they are missing, give them the database, and return their addresses.

    Their passwords are derived from that of the superuser, so that nothing else has to be kept.

    Args:
        superuser_url: of the database.
    """
    parts = urlsplit(superuser_url)
    secret = unquote(parts.password or "").encode()
    passwords = {name: hmac.digest(secret, name.encode(), hashlib.sha256).hex() for name in ("owner", "app")}
    script = SCRIPT.read_text()
    async with single_connection(superuser_url) as connection:
        for name, password in passwords.items():
            await connection.execute(f"SELECT set_config('tandem.{name}_password', $1, FALSE)", password)
        await connection.execute(script[script.index("DO $$") :])  # what stands before is for psql
    place = parts.netloc.rpartition("@")[2]
    return RoleAddresses(
        **{
            name: parts._replace(netloc=f"tandem_{name}:{password}@{place}").geturl()
            for name, password in passwords.items()
        }
    )
