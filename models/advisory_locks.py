"""The advisory locks of the database: here alone, since two purposes with one number would wait for each other.

The lock of a user's event log has two keys (``models.orders.EVENT_LOG_LOCK``), and those are another space
(PostgreSQL documentation, "Advisory Locks").
"""

from enum import IntEnum, unique


@unique
class AdvisoryLock(IntEnum):
    """The key of each lock that the whole database has one of."""

    #: One process migrates at a time.
    MIGRATION = 7_261_634_001
    #: One worker sweeps at a time.
    SWEEP = 7_261_634_002
    #: One process writes its usage counts at a time.
    USAGE = 7_261_634_003
    #: One process loads the demo data at a time.
    DEMO = 7_261_634_004
