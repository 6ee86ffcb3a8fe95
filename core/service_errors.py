"""The one error of the embedded services."""


class ServiceError(Exception):
    """A server, or the command that needs it, cannot run here.

    The message is a sentence for the person at the terminal, shown without a stack trace: what is wrong,
    where, and the way out. Lines after the first may quote the server's own log.
    """


def database_error(error: Exception, variable: str = "TANDEM_DATABASE_URL") -> ServiceError:
    """Say why the database that the environment names cannot be used: what the driver raised, on one line."""
    fault = "does not answer" if isinstance(error, OSError) else "refuses"
    return ServiceError(f"The database of {variable} {fault}: {' '.join(str(error).split())}")
