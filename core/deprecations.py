"""What clients should move away from, in one place: SDL, OpenAPI, headers of answers and changelog tell it from here.

A line of :data:`DEPRECATIONS` is all that it takes; CONTRIBUTING.md says when something may be removed.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime

_END = "; to be removed on {} or later"


def announced_end(reason: str | None) -> date | None:
    """Return the day from which a thing may be removed, as its :attr:`Deprecation.reason` says, or None."""
    found = re.search(_END.format(r"(\d{4}-\d\d-\d\d)"), reason or "")
    return date.fromisoformat(found[1]) if found else None


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """One thing that clients should stop using, in either API or in both.

    Args:
        since: the day from which it is deprecated.
        until: the day before which it is not removed; None while no end has been announced, and then it stays.
        why: the reason, as a sentence.
        instead: what to use, as a sentence would name it; None if nothing is needed.
        graphql: coordinates of the schema (https://spec.graphql.org/draft/#sec-Schema-Coordinates): ``Type.field``,
            ``Type.field(argument:)``, ``Input.field``, ``Enum.VALUE``.
        rest: coordinates of the same form in OpenAPI: ``operationId``, ``operationId(parameter:)``, ``Schema.field``.

    Raises:
        ValueError: it would end before it begins, which RFC 9745, section 4, forbids.
    """

    since: date
    why: str
    instead: str | None = None
    until: date | None = None
    graphql: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.until is not None and self.until < self.since:
            raise ValueError(f"deprecated since {self.since}, but only until {self.until}")

    @property
    def reason(self) -> str:
        """The whole of it in sentences, for people."""
        instead = f" Use {self.instead} instead." if self.instead else ""
        end = _END.format(self.until) if self.until else ""
        return f"{self.why}{instead} Since {self.since}{end}."

    @property
    def headers(self) -> dict[str, str]:
        """``Deprecation`` (RFC 9745), a date of structured fields, and ``Sunset`` (RFC 8594), one of HTTP."""
        told = {"Deprecation": f"@{_midnight(self.since).timestamp():.0f}"}
        if self.until is not None:
            told["Sunset"] = format_datetime(_midnight(self.until), usegmt=True)
        return told


class Deprecations:
    """The registry: what is deprecated in each API, by its coordinate.

    Raises:
        ValueError: something is deprecated twice.
    """

    def __init__(self, *entries: Deprecation) -> None:
        self.graphql = _by_coordinate([(place, entry) for entry in entries for place in entry.graphql])
        self.rest = _by_coordinate([(place, entry) for entry in entries for place in entry.rest])


def _by_coordinate(entries: list[tuple[str, Deprecation]]) -> dict[str, Deprecation]:
    found = dict(entries)
    if len(found) < len(entries):
        raise ValueError(f"deprecated twice: {sorted(place for place, _ in entries)}")
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


DEPRECATIONS = Deprecations()
