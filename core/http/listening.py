"""Listening on an address, or a sentence why that cannot be."""

import errno
import socket

from core.service_errors import ServiceError


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to *host* and *port*, not yet listening.

    Raises:
        ServiceError: the port is taken or not allowed, or the host is none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise ServiceError(f"{host} is not an address of this machine.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} on {host} is taken: stop what is using it, or choose another with --port."
        elif error.errno == errno.EACCES:
            message = (
                f"Port {port} needs privileges that this user has not: choose one above 1023 with --port."
            )
        else:
            message = f"Cannot listen on {host}, port {port}: {error.strerror}."
        raise ServiceError(message) from None
    return listener
