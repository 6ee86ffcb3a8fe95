"""What a rule of the books is, and the statements that find the rows which break one.

``$1`` and ``$2`` of a statement are the first and the last key of a chunk: of orders, products, movements and so on, as
its ``keys`` say. Keys of other tables are bounded alike, so that what hangs in the air, beyond the last order, is seen
too. What a CHECK or a foreign key guarantees is proved here as well: a dump that was restored in parts, or a table that
was mended by hand, may have lost it.
"""

from dataclasses import dataclass
from typing import Protocol


class Rule(Protocol):
    """One rule: what a finding names it by, and the sentence that is true of every row if nothing is found."""

    @property
    def name(self) -> str: ...
    @property
    def proves(self) -> str: ...


class Statement(Protocol):
    """What returns of each offending row the rule's name, the row's table and key, and what is wrong."""

    @property
    def sql(self) -> str: ...
    @property
    def keys(self) -> str | None:
        """The table whose ids are cut into chunks; None for a statement that looks at all rows at once."""

    @property
    def rules(self) -> tuple[Rule, ...]: ...


@dataclass(frozen=True, slots=True)
class Search:
    """A rule with a statement of its own.

    Args:
        found: selects of each row that breaks the rule its table, its key and what is wrong.
    """

    name: str
    proves: str
    found: str
    keys: str | None = None

    @property
    def sql(self) -> str:
        return f"SELECT '{self.name}', found.* FROM (\n{self.found}\n) AS found"  # noqa: S608 - a name of ours

    @property
    def rules(self) -> tuple[Rule, ...]:
        return (self,)


@dataclass(frozen=True, slots=True)
class Check:
    """A rule that can be told of one row of a :class:`Scan`.

    Args:
        table: whose row breaks the rule.
        is_broken: the condition under which it does.
        problem: what is wrong then.
        id: the key of the row.
    """

    name: str
    proves: str
    table: str
    is_broken: str
    problem: str
    id: str = "id"


@dataclass(frozen=True, slots=True)
class Scan:
    """Rules that are tried on the same rows, which are read once for all of them.

    Args:
        rows: selects what the rules are told of.
    """

    rows: str
    rules: tuple[Check, ...]
    keys: str

    @property
    def sql(self) -> str:
        # The conditions first, for all rows; a list of rules for the few that meet one of them.
        told = ",\n".join(
            f"('{rule.name}', '{rule.table}', {rule.id}, {rule.is_broken}, {rule.problem})"
            for rule in self.rules
        )
        broken = "\nOR ".join(f"({rule.is_broken})" for rule in self.rules)
        return f"""
SELECT told.rule, told.place, told.key, told.problem FROM ({self.rows}) AS looked_at
CROSS JOIN LATERAL (VALUES {told}) AS told (rule, place, key, is_broken, problem)
WHERE ({broken}) AND told.is_broken
"""  # noqa: S608 - texts of ours


@dataclass(frozen=True, slots=True)
class Screen:
    """Statements that are tried only on the keys that are not plainly in order, which most are.

    To tell that of an order as a whole takes a fraction of the time of trying every rule on every row of it. What the
    screen lets pass must be right by every rule that it spares; what it does not let pass need not be wrong.

    Args:
        suspects: selects the keys that the statements are to look at, and those that hang in the air.
    """

    suspects: str
    statements: tuple[Statement, ...]
    keys: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for statement in self.statements for rule in statement.rules)
