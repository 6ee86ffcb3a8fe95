"""With which code a socket is closed that breaks the rules of graphql-transport-ws (PROTOCOL.md of graphql-ws)."""

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.clients.service import SOCKET_PROTOCOL, Service

INIT = json.dumps({"type": "connection_init"})
FOREIGN_INIT = json.dumps({"type": "connection_init", "payload": {"authorization": "Bearer nonsense"}})
#: It goes on for as long as the sign-in.
SUBSCRIBE = json.dumps(
    {"id": "1", "type": "subscribe", "payload": {"query": "subscription { orderEvents { cursor } }"}}
)
QUERY = json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }"}})


def code_of_end(socket: ClientConnection) -> int | None:
    """Read until the socket is closed, and return the code."""
    try:
        while True:
            socket.recv(timeout=60)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        pytest.param(["{nonsense"], 4400, id="what is not JSON"),
        pytest.param([json.dumps({"type": "nonsense"})], 4400, id="an unknown type of message"),
        pytest.param([QUERY], 4401, id="an operation before connection_init"),
        pytest.param([FOREIGN_INIT], 4403, id="a token that is not good"),
        pytest.param([INIT, INIT], 4429, id="connection_init twice"),
    ],
)
def test_a_breach_of_the_protocol_closes_the_socket(service: Service, messages: list[str], code: int) -> None:
    with connect(service.socket_url, subprotocols=[SOCKET_PROTOCOL]) as socket:
        for message in messages:
            socket.send(message)
        assert code_of_end(socket) == code


def test_an_id_in_use_closes_the_socket(service: Service) -> None:
    init = {"type": "connection_init", "payload": {"authorization": f"Bearer {service.sign_in()}"}}
    with connect(service.socket_url, subprotocols=[SOCKET_PROTOCOL]) as socket:
        for message in (json.dumps(init), SUBSCRIBE, SUBSCRIBE):
            socket.send(message)
        assert code_of_end(socket) == 4409


def test_no_common_subprotocol_closes_the_socket(service: Service) -> None:
    with connect(service.socket_url) as socket:
        assert code_of_end(socket) == 4406


def test_the_handshake_of_another_origin_is_refused(service: Service) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(
            service.socket_url, subprotocols=[SOCKET_PROTOCOL], origin=Origin("https://elsewhere.example")
        )
    assert refused.value.response.status_code == 403


def test_silence_closes_the_socket(silent_socket: ClientConnection) -> None:
    assert code_of_end(silent_socket) == 4408
