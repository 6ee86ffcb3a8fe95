"""Who has sent a request: an address, as far as proxies can be trusted."""

from ipaddress import ip_network

import pytest

from core.errors import NotAuthenticated
from core.http.caller import Caller, read_caller
from core.security.tokens import TokenIssuer
from core.settings import ForwardedHeader, Settings

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def client_name(*headers: tuple[bytes, bytes]) -> str:
    scope = {"type": "http", "client": ("192.0.2.1", 1), "headers": headers}
    return read_caller(scope, TokenIssuer(Settings()), TRUSTED).client_name


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("okhttp/4.9.3", "okhttp"),
        ("Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/142.0", "Mozilla"),
        ("curl", "curl"),
        ("My-App/1.0", "My-App"),
        ("", "(unknown)"),
        ("(nothing but a comment)", "(unknown)"),
        ("/1.0", "(unknown)"),
        ("x" * 100_000, "x" * 64),
        ("\x00\x01", "(unknown)"),
        ("Käse/1.0", "K"),
    ],
)
def test_a_client_is_called_by_the_first_product_of_its_user_agent(agent: str, expected: str) -> None:
    assert client_name((b"user-agent", agent.encode())) == expected


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("shop-web", "shop-web"),
        ("  My   shop\t(web) ", "My shop (web)"),
        ("Käse", "Käse"),
        ("a\x00b\u202ec\x1b[31m", "a b c [31m"),
        ("y" * 100_000, "y" * 64),
        ("y" * 63 + " z", "y" * 63),
        ("", "curl"),
        (" \u200b\u3164", "curl"),
    ],
)
def test_a_client_is_called_as_it_calls_itself(declared: str, expected: str) -> None:
    agent, name = (b"user-agent", b"curl/8"), declared.encode()
    assert client_name(agent, (b"graphql-client-name", name)) == expected
    assert client_name((b"apollographql-client-name", name), agent) == expected


def test_bytes_that_are_no_utf_8_are_a_name_all_the_same() -> None:
    assert client_name((b"graphql-client-name", b"K\xe4se")) == "K\ufffdse"


def test_graphqls_own_header_wins() -> None:
    both = ((b"apollographql-client-name", b"a"), (b"graphql-client-name", b"b"))
    assert client_name(*both) == client_name(*reversed(both)) == "b"


def address(peer: str | None, *lines: str, header: ForwardedHeader = "X-Forwarded-For") -> str:
    raw = [(header.lower().encode(), value.encode()) for value in lines]
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": raw}
    return read_caller(scope, TokenIssuer(Settings()), TRUSTED, header).address


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


#: What one client looks like in the words of different proxies, and who it is.
NODES = [
    ("203.0.113.1", "203.0.113.1"),
    ("203.0.113.1:50001", "203.0.113.1"),
    ("203.0.113.1:_hidden", "203.0.113.1"),
    ('"203.0.113.1"', "203.0.113.1"),
    ('"203.0.113.1:50001"', "203.0.113.1"),
    ("2001:db8::1", "2001:db8::1"),
    ("2001:DB8:0::1", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:50001", "2001:db8::1"),
    ('"2001:db8::1"', "2001:db8::1"),
    ('"[2001:db8::1]"', "2001:db8::1"),
    ('"[2001:db8::1]:50001"', "2001:db8::1"),
    ("::ffff:203.0.113.1", "203.0.113.1"),
    ("[::ffff:203.0.113.1]:50001", "203.0.113.1"),
    ("fe80::1%eth0", "fe80::1"),
    ("[fe80::1%25eth0]:50001", "fe80::1"),
]
#: What is no address: obfuscated (RFC 7239 section 6.3), unknown (section 6.2) or broken.
NO_NODES = [
    "unknown",
    "_hidden",
    '"_hidden:50001"',
    "-",
    '"',
    '""',
    "[]",
    "[203.0.113.1",
    "203.0.113.1:",
    "203.0.113.1:port",
    "203.0.113.1:500011",
    "203.0.113",
    "203.0.113.1 203.0.113.2",
    "[2001:db8::1]50001",
    "2001:db8::1:50001",
    "proxy.example.com",
    "203.0.113.1:" + "0" * 100_000,
]


@pytest.mark.parametrize(("node", "expected"), NODES)
@pytest.mark.parametrize(
    "line", ["{}", "198.51.100.66, {}", ", ,{} ,, ", "198.51.100.66:1,{}, 10.0.0.2:443, [::1]:443"]
)
def test_a_client_is_one_address_however_a_proxy_writes_it(line: str, node: str, expected: str) -> None:
    assert address("10.0.0.1", line.format(node)) == expected
    assert address("10.0.0.1", "198.51.100.66", line.format(node), "") == expected


@pytest.mark.parametrize("node", NO_NODES)
def test_a_hop_that_is_no_address_ends_the_walk_before_what_the_client_wrote(node: str) -> None:
    assert address("10.0.0.1", f"198.51.100.66, {node}") == "10.0.0.1"
    assert address("10.0.0.1", f"198.51.100.66, {node}, 10.0.0.2:443") == "10.0.0.2"
    assert address("10.0.0.1", "198.51.100.66", node) == "10.0.0.1"


@pytest.mark.parametrize(
    ("node", "expected"), [(node, expected) for node, expected in NODES if "%" not in node]
)
@pytest.mark.parametrize(
    "line",
    [
        "for={}",
        "FOR={};proto=https;by=10.0.0.1",
        'host="a,b;for=198.51.100.66"; For = {}',
        "for=198.51.100.66, for={}",
        ", ,for={},,",
        'for="[2001:db8::66]";secret="\\"", for={};;proto=http, for="10.0.0.2:443", for="[::1]"',
    ],
)
def test_the_elements_of_forwarded_are_read_like_those_of_x_forwarded_for(
    line: str, node: str, expected: str
) -> None:
    assert address("10.0.0.1", line.format(node), header="Forwarded") == expected
    assert address("10.0.0.1", "for=198.51.100.66", line.format(node), header="Forwarded") == expected


@pytest.mark.parametrize(
    "line",
    [
        *(f"for=198.51.100.66, for={node}" for node in NO_NODES),
        "for=198.51.100.66, proto=https",
        "for=198.51.100.66, for=203.0.113.1;for=203.0.113.2",
        "198.51.100.66",
        # A quotation mark that the client opened, before what the proxy has appended.
        'for=198.51.100.66;x=", for=203.0.113.1',
        'for=198.51.100.66;x=", for="[2001:db8::1]:50001"',
        'for=198.51.100.66;x="\\, for="[2001:db8::1]:50001"',
    ],
)
def test_an_element_that_names_no_address_ends_the_walk(line: str) -> None:
    assert address("10.0.0.1", line, header="Forwarded") == "10.0.0.1"
    assert address("10.0.0.1", "for=198.51.100.66", line, header="Forwarded") == "10.0.0.1"


@pytest.mark.parametrize(
    ("header", "other"), [("X-Forwarded-For", b"forwarded"), ("Forwarded", b"x-forwarded-for")]
)
def test_the_header_that_the_proxy_does_not_write_is_not_read(header: ForwardedHeader, other: bytes) -> None:
    lines = [(other, b"198.51.100.66"), (other, b"for=198.51.100.66")]
    scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": lines}
    assert read_caller(scope, TokenIssuer(Settings()), TRUSTED, header).address == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_all_of_an_ipv6_household_counts_as_one_sender(address: str, network: str) -> None:
    assert Caller(NotAuthenticated(), address, "").network == network


@pytest.fixture
def no_suspects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.http.caller._suspects", [])


@pytest.mark.usefixtures("no_suspects")
def test_a_proxy_that_is_not_named_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """Else all of its clients are refused together, and nobody knows why."""
    for _ in range(100):
        assert address("172.18.0.5", "198.51.100.7") == "172.18.0.5"
        assert address("172.18.0.6", "198.51.100.7") == "172.18.0.6"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "172.18.0.5" in record.getMessage()
    assert "TANDEM_TRUSTED_PROXIES" in record.getMessage()


@pytest.mark.usefixtures("no_suspects")
def test_nobody_is_warned_of_proxies_that_are_named_or_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    address("10.0.0.1", "198.51.100.7")
    address("10.0.0.1", "nonsense")
    address("172.18.0.5")
    assert caplog.records == []
