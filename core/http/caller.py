"""What a request says of who sent it, read once from its headers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

from core.errors import AuthenticationError, NotAuthenticated
from core.security.tokens import Claims, TokenIssuer, TokenKind

Networks = Sequence[IPv4Network | IPv6Network]


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request. The credentials are verified, but nobody has asked the database yet."""

    credentials: Claims | AuthenticationError
    address: str
    user_agent: str

    @property
    def network(self) -> str:
        """What counts as one sender for the limits: an IPv4 address, or the /64 of an IPv6 address.

        A household or a server has a whole /64 (RFC 6177), and could otherwise be a new sender each time.
        """
        return _network(self.address)


def read_bearer(header: str | None, tokens: TokenIssuer) -> Claims | AuthenticationError:
    """Check the value of an ``Authorization`` header (RFC 6750 section 2.1)."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return NotAuthenticated()
    try:
        return tokens.verify(token.strip(), TokenKind.ACCESS)
    except AuthenticationError as error:
        return error


def read_caller(scope: Scope, tokens: TokenIssuer, trusted: Networks) -> Caller:
    """Read the sender of a request from its headers and its connection."""
    authorization = agent = None
    forwarded: list[str] = []
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is None:
                authorization = value.decode("latin-1")
        elif name == b"user-agent":
            if agent is None:
                agent = value.decode(errors="replace")
        elif name == b"x-forwarded-for":
            forwarded.append(value.decode("latin-1"))
    client = scope.get("client")
    address = client_address(client[0] if client else "", forwarded, trusted)
    return Caller(read_bearer(authorization, tokens), address, agent or "")


def client_address(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """Return the address of the client.

    ``X-Forwarded-For`` is read from its end, and only as far as the hops are trusted proxies: what stands
    further left is whatever the client wrote.

    Args:
        peer: who has opened the connection; empty if that is not known.
        forwarded: the values of ``X-Forwarded-For``, in the order of the headers.
        trusted: networks of the proxies.
    """
    peer = _plain(peer)
    if not forwarded or not trusted:
        return peer
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    while hops and _is_trusted(peer, trusted):
        hop = _parse(hops.pop())
        if hop is None:
            break
        peer = str(hop)
    return peer


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    """Parse an address; one that is IPv4 in the clothes of IPv6 (``::ffff:10.0.0.1``) is IPv4."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


# A client sends many requests over one connection, and a proxy all of them.
@lru_cache(maxsize=1024)
def _plain(address: str) -> str:
    return str(_parse(address) or address)


@lru_cache(maxsize=1024)
def _network(address: str) -> str:
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return address


def _is_trusted(address: str, trusted: Networks) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in trusted)
