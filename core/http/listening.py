"""Listening on an address, or a sentence why that cannot be."""

import errno
import socket
from contextlib import ExitStack

from core.service_errors import ServiceError

#: This machine has no such address: of several that a name has, the others serve.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to *port*, not yet listening: one for each address that *host* has on this machine.

    Raises:
        ServiceError: the port is taken or not allowed, or the host is none of this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):  # not known, or no name at all
        raise ServiceError(f"{host} is not an address of this machine.") from None
    # A name may be listed twice, once for each of its aliases.
    addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    absent: OSError | None = None
    with ExitStack() as bound:
        listeners: list[socket.socket] = []
        for family, address in addresses:
            try:
                listener = _bind(family, address, is_alone=len(addresses) == 1)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise ServiceError(_explain(host, port, error)) from None
                absent = error
                continue
            listeners.append(bound.enter_context(listener))
        if absent and not listeners:
            raise ServiceError(_explain(host, port, absent))
        bound.pop_all()
        return listeners


def _bind(family: int, address: object, *, is_alone: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and not is_alone:
            # Else "::" would take the port of "0.0.0.0" as well.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)  # type: ignore[arg-type]  # as getaddrinfo has returned it
    except OSError:
        listener.close()
        raise
    return listener


def _explain(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken: stop what is using it, or choose another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} needs privileges that this user has not: choose one above 1023 with --port."
    return f"Cannot listen on {host}, port {port}: {error.strerror}."
