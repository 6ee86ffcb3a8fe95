"""Addresses that settings hold: what they must look like, checked before anything connects."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

#: Plain (for a relay next door), with mandatory STARTTLS (RFC 3207), and over TLS from the start (RFC 8314).
SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")
_ENCODED = "with what is special in the password percent-encoded"


def _split(value: str, *schemes: str) -> SplitResult | None:
    """Return the parts of an address with one of *schemes*; None if it is none, or has a wrong port."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in schemes else None


#: What may stand behind the question mark, as libpq names it (PostgreSQL documentation, "Parameter Key Words"), and
#: the values that it may have; an empty list stands for the path of a file.
_POSTGRES_PARAMETERS: Mapping[str, Sequence[str]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslrootcert": (),
    "sslcert": (),
    "sslkey": (),
}
#: The same for TLS to Redis, as redis-py names it.
_REDIS_PARAMETERS: Mapping[str, Sequence[str]] = {
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("true", "false"),
    "ssl_ca_certs": (),
    "ssl_certfile": (),
    "ssl_keyfile": (),
}


def _check_parameters(query: str, allowed: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the parameters of an address, by name; raises ValueError where one is not known or has no such value."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in allowed:
            raise ValueError(
                f"has the parameter {name!r}, which is not known: leave it out, or use {', '.join(allowed)}"
            )
        if name in found:
            raise ValueError(f"has the parameter {name} twice")
        if allowed[name] and value not in allowed[name]:
            raise ValueError(
                f"has the parameter {name}={value}, which must be one of {', '.join(allowed[name])}"
            )
        if not allowed[name] and not Path(value).is_file():
            raise ValueError(
                f"has the parameter {name}={value}, which must be the path of a file that can be read"
            )
        found[name] = value
    return found


def postgres_address(value: str) -> str:
    """Return the address of a database, with one of the three names that its scheme goes by."""
    parts = _split(value, "postgres", "postgresql", "asyncpg")
    if parts is None or not parts.path.strip("/"):
        example = "postgres://user:password@host:5432/name"
        raise ValueError(f"must be a PostgreSQL address, such as {example}, {_ENCODED}")
    parameters = _check_parameters(parts.query, _POSTGRES_PARAMETERS)
    if parameters.get("sslmode", "").startswith("verify") and "sslrootcert" not in parameters:
        raise ValueError(
            f"has sslmode={parameters['sslmode']}, which needs sslrootcert, the file of the authority"
        )
    return "postgres://" + value.split("://", 1)[1]


def owner_address(value: str) -> str:
    """Return the address of a database for the role that owns its tables; it may be empty."""
    return postgres_address(value) if value else value


def redis_address(value: str) -> str:
    """Return the address of a Redis or Valkey."""
    parts = _split(value, "redis", "rediss")
    # redis-py takes a path that is no number for database 0.
    if parts is None or not parts.hostname or not re.fullmatch(r"/?[0-9]*", parts.path):
        example = "redis://:password@host:6379/0"
        raise ValueError(f"must be a Redis or Valkey address, such as {example}, {_ENCODED}")
    if _check_parameters(parts.query, _REDIS_PARAMETERS) and parts.scheme != "rediss":
        raise ValueError("has parameters of TLS, which need rediss://")
    return value


def smtp_address(value: str) -> str:
    """Return the address of a mail server; it may be empty."""
    parts = _split(value, *SMTP_SCHEMES)
    if value and (parts is None or not parts.hostname):
        schemes = ", ".join(f"{scheme}://" for scheme in SMTP_SCHEMES)
        raise ValueError(f"must be {schemes} and then user:password@host:port")
    return value


def web_address(value: str) -> str:
    """Return the address of a front end, without a slash at its end; it may be empty."""
    parts = _split(value, "http", "https")
    if value and (parts is None or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be the address of the front end, such as https://shop.example.com")
    return value.rstrip("/")


def origin(value: str) -> str:
    """Return an origin as browsers send it, for it is compared with theirs letter by letter."""
    parts = urlsplit(value)
    if not parts.hostname or value != f"{parts.scheme}://{parts.netloc}".lower():
        raise ValueError("must be origins such as https://shop.example.com, without a path or a slash")
    return value


def header_name(value: str) -> str:
    """Return the name of a header (RFC 9110 section 5.1)."""
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value) or value == "*":
        raise ValueError("must be names of headers such as X-Tenant, separated by commas")
    return value


def listening_place(value: str) -> str:
    """Return where to listen, an address and a port; it may be empty."""
    parts = _split(f"//{value}", "")
    if value and (parts is None or not parts.hostname or not parts.port or parts.netloc != value):
        raise ValueError("must be an address and a port, such as 0.0.0.0:9464")
    return value
