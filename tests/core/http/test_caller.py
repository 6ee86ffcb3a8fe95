"""Who has sent a request: an address, as far as proxies can be trusted."""

from ipaddress import ip_network

import pytest

from core.errors import NotAuthenticated
from core.http.caller import Caller, read_caller
from core.security.tokens import TokenIssuer
from core.settings import Settings

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def address(peer: str | None, *forwarded: str) -> str:
    raw = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": raw}
    return read_caller(scope, TokenIssuer(Settings()), TRUSTED).address


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        (None, (), ""),
        (None, ("198.51.100.7",), ""),
        # Whoever is not a proxy of ours can write what it likes.
        ("192.0.2.1", ("198.51.100.7",), "192.0.2.1"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("::1", ("2001:db8::7",), "2001:db8::7"),
        # The client invented the first one; the proxy added the last.
        ("10.0.0.1", ("203.0.113.9, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9", "198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.7, 10.0.0.2",), "198.51.100.7"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
    ],
)
def test_a_forwarded_address_counts_only_as_far_as_our_proxies_vouch_for_it(
    peer: str | None, forwarded: tuple[str, ...], expected: str
) -> None:
    assert address(peer, *forwarded) == expected


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_all_of_an_ipv6_household_counts_as_one_sender(address: str, network: str) -> None:
    assert Caller(NotAuthenticated(), address, "").network == network
