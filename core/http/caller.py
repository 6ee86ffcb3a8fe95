"""What a request says of who sent it, read once from its headers."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

from core.errors import AuthenticationError, NotAuthenticated
from core.http.client_name import MAX_READ, NAMES, UNKNOWN, client_name
from core.http.headers import ELEMENTS, PARTS
from core.security.tokens import Claims, TokenIssuer, TokenKind
from core.settings import ForwardedHeader

logger = logging.getLogger("tandem.http")

Networks = Sequence[IPv4Network | IPv6Network]
#: Returns the nodes that one line of the header names, the proxy next to us last.
ReadNodes = Callable[[str], list[str]]

_CLIENT_NAMES = tuple(name.encode() for name in NAMES)
#: Characters of the longest node that is read: IPv6 with a zone, brackets, a port and quotation marks has fewer.
MAX_NODE = 100
#: A port is digits, or obfuscated (RFC 7239 section 6.3).
_WITH_PORT = re.compile(r"(?:(?P<v4>[0-9.]+)|\[(?P<v6>[^\[\]]+)\])(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?")
#: Who has sent the header and is no proxy that we know: the first of them.
_suspects: list[str] = []
#: Prefixes of an IPv6 address that count as one sender, and how many times a limit each may use up. A host has a whole
#: /64, and would otherwise be a new sender each time; who has a /56 or a /48, as homes and sites do (RFC 6177), can
#: number many of them, but others may have parts of it.
IPV6_SENDERS = ((64, 1), (56, 2), (48, 8))
_BALANCED = re.compile(r'(?:[^"]|"(?:[^"\\]|\\.)*")*')


@dataclass(slots=True)
class Caller:
    """The sender of a request. The credentials are verified, but nobody has asked the database yet.

    Args:
        client_name: what the program that sent it is called; see :mod:`core.http.client_name`.
        is_signed_in: what the database has said of the credentials; None until somebody asks it.
    """

    credentials: Claims | AuthenticationError
    address: str
    user_agent: str
    client_name: str = UNKNOWN
    is_signed_in: bool | None = None

    @property
    def network(self) -> str:
        """What one sender has: an IPv4 address, or the /64 of an IPv6 address."""
        return network_of(self.address)

    def limits(self, subject: str, limit: int) -> list[tuple[str, int]]:
        """Return as whom the sender counts, narrowest network first, and the limit of each.

        Args:
            subject: what the sender does, and to whom if that counts apart.
            limit: of one sender; 0 is none, and then nobody counts.
        """
        return [(f"{subject}:{network}", times * limit) for network, times in _senders(self.address) if limit]


def read_bearer(header: str | None, tokens: TokenIssuer) -> Claims | AuthenticationError:
    """Check the value of an ``Authorization`` header (RFC 6750 section 2.1)."""
    scheme, _, token = (header or "").partition(" ")
    token = token.strip(" ")  # and no other white space, of which a token has none
    if scheme.lower() != "bearer" or not token:
        return NotAuthenticated()
    try:
        return tokens.verify(token, TokenKind.ACCESS)
    except AuthenticationError as error:
        return error


def read_caller(
    scope: Scope, tokens: TokenIssuer, trusted: Networks, header: ForwardedHeader = "X-Forwarded-For"
) -> Caller:
    """Read the sender of a request from its headers and its connection.

    Args:
        trusted: networks of the proxies.
        header: the one header in which they say whom they speak for; the other is whatever the client wrote.
    """
    authorization = agent = None
    declared = b""
    forwarded: list[str] = []
    forwarded_name, read_nodes = _FORWARDED[header]
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is None:
                authorization = value.decode("latin-1")
        elif name == b"user-agent":
            if agent is None:
                agent = value.decode(errors="replace")
        elif name == forwarded_name:
            forwarded.append(value.decode("latin-1"))
        elif name in _CLIENT_NAMES and (not declared or name == _CLIENT_NAMES[0]):
            declared = value
    client = scope.get("client")
    peer = _plain(client[0] if client else "")
    address = _client_address(peer, forwarded, trusted, read_nodes) if forwarded else peer
    agent = agent or ""
    name = client_name(declared[:MAX_READ], agent[:MAX_READ])
    return Caller(read_bearer(authorization, tokens), address, agent, name)


def _client_address(peer: str, forwarded: Sequence[str], trusted: Networks, read_nodes: ReadNodes) -> str:
    """Return the address of the client.

    The header is read from its end, and only as far as the hops are trusted proxies: what stands further left is
    whatever the client wrote. A hop without an address (``unknown``, ``_hidden``, nonsense) ends the walk, too: then
    the proxy that wrote it counts as the client.

    Args:
        peer: who has opened the connection.
        forwarded: the values of the header, in the order of its lines.
    """
    nodes = (node for line in reversed(forwarded) for node in reversed(read_nodes(line)))
    address = _parse_node(peer)
    if address is None or not _is_in(address, trusted):
        _warn_of_proxy(peer)
        return peer
    while _is_in(address, trusted):
        node = next(nodes, "")
        hop = _parse_node(node) if len(node) <= MAX_NODE else None
        if hop is None:
            break
        address = hop
    return str(address)


def _is_in(address: IPv4Address | IPv6Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


def _warn_of_proxy(peer: str) -> None:
    """Say once that a proxy is not known to be one; only once, since anybody can write the header."""
    if not _suspects:
        _suspects.append(peer)
        logger.warning(
            "A request from %s says whom it was forwarded for, but TANDEM_TRUSTED_PROXIES does not name this address:"
            " if it is a proxy of yours, all of its clients are one sender, and are limited and refused together",
            peer,
        )


def _listed(line: str) -> list[str]:
    """Return the elements of a line of ``X-Forwarded-For``, but for the empty ones (RFC 9110 section 5.6.1.2)."""
    return [element for part in line.split(",") if (element := part.strip())]


def _forwarded(line: str) -> list[str]:
    """Return who each element of a line of ``Forwarded`` is for (RFC 7239 section 4), empty where that is not said.

    A line with a quotation mark too many says nothing: the client could have opened it before what the proxy added.
    """
    if not _BALANCED.fullmatch(line):
        return [""]
    return [_for(element) for element in ELEMENTS.findall(line) if element.strip()]


def _for(element: str) -> str:
    pairs = [pair.partition("=") for pair in PARTS.findall(element)]
    values = [value.strip() for name, _, value in pairs if name.strip().lower() == "for"]
    return values[0] if len(values) == 1 else ""


#: The header by its setting: its name on the wire, and what reads the nodes of a line.
_FORWARDED: dict[ForwardedHeader, tuple[bytes, ReadNodes]] = {
    "X-Forwarded-For": (b"x-forwarded-for", _listed),
    "Forwarded": (b"forwarded", _forwarded),
}


# The addresses of a proxy's clients come again and again.
@lru_cache(maxsize=1024)
def _parse_node(node: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a proxy wrote; None if there is none in it.

    Taken are IPv4 and IPv6, each with or without quotation marks and a port, IPv6 with or without brackets (RFC 7239
    section 6, and what proxies write into ``X-Forwarded-For``).
    """
    if len(node) > 1 and node[0] == node[-1] == '"':
        node = node[1:-1]
    if found := _WITH_PORT.fullmatch(node):
        node = found["v4"] or found["v6"]
    return _parse(node)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    """Parse an address; one that is IPv4 in the clothes of IPv6 (``::ffff:10.0.0.1``) is IPv4.

    The zone of a link-local one (``fe80::1%eth0``) is the name of an interface here, and no part of who it is.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


# A client sends many requests over one connection, and a proxy all of them.
@lru_cache(maxsize=1024)
def _plain(address: str) -> str:
    return str(_parse(address) or address)


def network_of(address: str) -> str:
    """Return the narrowest network that counts as one sender: an IPv4 address as it is, the /64 of an IPv6 address."""
    return _senders(address)[0][0]


@lru_cache(maxsize=1024)
def _senders(address: str) -> tuple[tuple[str, int], ...]:
    parsed = _parse(address)
    if not isinstance(parsed, IPv6Address):
        return ((address, 1),)
    return tuple((str(IPv6Network((parsed, bits), strict=False)), times) for bits, times in IPV6_SENDERS)


def sender_network(address: str, trusted: Networks) -> str | None:
    """Return what counts as one sender among connections, by the address of their other end.

    None for a trusted proxy, which has the connections of all its clients.
    """
    parsed = _parse(address)
    if parsed is not None and _is_in(parsed, trusted):
        return None
    return network_of(_plain(address))
