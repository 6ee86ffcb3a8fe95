"""What a request says of who sent it, read once from its headers."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
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
        address = _parse(self.address)
        if isinstance(address, IPv6Address):
            return str(IPv6Network((address, 64), strict=False))
        return self.address


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
    headers = Headers(scope=scope)
    return Caller(
        read_bearer(headers.get("authorization"), tokens),
        client_address(scope, headers, trusted),
        headers.get("user-agent", ""),
    )


def client_address(scope: Scope, headers: Headers, trusted: Networks) -> str:
    """Return the address of the client.

    ``X-Forwarded-For`` is read from its end, and only as far as the hops are trusted proxies: what stands
    further left is whatever the client wrote.
    """
    peer = _plain(scope["client"][0]) if scope.get("client") else ""
    hops = [hop.strip() for value in headers.getlist("x-forwarded-for") for hop in value.split(",")]
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


def _plain(address: str) -> str:
    return str(_parse(address) or address)


def _is_trusted(address: str, trusted: Networks) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in trusted)
