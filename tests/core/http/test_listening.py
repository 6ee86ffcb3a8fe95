"""Listening: on every address of a name, or a sentence why not."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from core.http.listening import bind
from core.service_errors import ServiceError

V4 = (socket.AF_INET, "127.0.0.1")
ELSEWHERE = (socket.AF_INET, "192.0.2.1")
V6 = (socket.AF_INET6, "::1")

Named = Callable[..., None]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Give every name these addresses, in this order."""

    def name(*addresses: tuple[socket.AddressFamily, str]) -> None:
        def getaddrinfo(_: str, port: int, **__: Any) -> list[Any]:
            return [
                (family, socket.SOCK_STREAM, 6, "", (address, port, *(0, 0)[: 2 * (":" in address)]))
                for family, address in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return name


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def reached(listeners: list[socket.socket]) -> list[str]:
    """Return the addresses at which each of the sockets is reached; they are closed."""
    with ExitStack() as opened:
        addresses = []
        for listener in listeners:
            opened.enter_context(listener).listen()
            with socket.socket(listener.family, socket.SOCK_STREAM) as client:
                client.connect(listener.getsockname())
                addresses.append(client.getpeername()[0])
    return addresses


@needs_ipv6
@pytest.mark.parametrize("order", [(V4, V6), (V6, V4), (V6, V6, V4, V4)])
def test_every_address_of_a_name_is_listened_on(order: tuple[Any, ...], named: Named, port: int) -> None:
    named(*order)
    assert sorted(reached(bind("localhost", port))) == ["127.0.0.1", "::1"]


@needs_ipv6
def test_everywhere_is_both_families(named: Named, port: int) -> None:
    named((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0"))
    assert len(reached(bind("everywhere", port))) == 2


@pytest.mark.parametrize("order", [(V4, ELSEWHERE), (ELSEWHERE, V4)])
def test_an_address_that_is_not_here_leaves_the_others(
    order: tuple[Any, ...], named: Named, port: int
) -> None:
    named(*order)
    assert reached(bind("shop.example.com", port)) == ["127.0.0.1"]


def test_a_name_of_other_machines_is_refused(named: Named, port: int) -> None:
    named(ELSEWHERE, (socket.AF_INET, "198.51.100.7"))
    with pytest.raises(ServiceError, match=f"Cannot listen on shop.example.com, port {port}"):
        bind("shop.example.com", port)


def test_a_port_that_is_taken_on_one_address_is_taken(named: Named) -> None:
    """Half of the clients would reach somebody else."""
    named((socket.AF_INET, "127.0.0.2"), V4)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"Port {port} on localhost is taken"):
            bind("localhost", port)
    for listener in bind("localhost", port):  # nothing is left bound
        listener.close()
