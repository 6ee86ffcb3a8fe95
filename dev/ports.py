"""Free TCP ports of the loopback interface."""

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free at this moment."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on *port* of the loopback interface."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        return False
    return True
