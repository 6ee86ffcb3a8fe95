"""What a rule of the books is: one statement that finds the rows which break it.

A statement returns of each offending row its table, its key and what is wrong. ``$1`` and ``$2`` are the first and the
last key of a chunk: of orders, products, movements and so on, as :class:`Rule` says. Keys of other tables are bounded
alike, so that what hangs in the air, beyond the last order, is seen too. What a CHECK or a foreign key guarantees is
proved here as well: a dump that was restored in parts, or a table that was mended by hand, may have lost it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Args:
        name: what a finding names it by.
        proves: the sentence that is true of every row if nothing is found.
        sql: what finds the rows of which it is not.
        keys: the table whose ids are cut into chunks; None for a statement that looks at all rows at once.
    """

    name: str
    proves: str
    sql: str
    keys: str | None = None
