"""The one error of the embedded services."""


class ServiceError(Exception):
    """A server, or the command that needs it, cannot run here.

    The message is a sentence for the person at the terminal, shown without a stack trace: what is wrong,
    where, and the way out. Lines after the first may quote the server's own log.
    """
