"""Who calls what: calls by client and by what is used, counted in memory until somebody writes them down."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

#: Clients that are told apart in a day; further ones are counted together as ``OTHER``.
MAX_CLIENTS = 1_000
OTHER = "(other)"

#: Numbers of calls, by client and then by operation or schema coordinate.
Calls = Mapping[str, Mapping[str, int]]


class UsageCounts:
    """Numbers of calls, of at most ``MAX_CLIENTS`` clients and ``OTHER``.

    It holds as many numbers as there are clients times names in the code: what is counted is never a client's text.
    """

    def __init__(self) -> None:
        self._calls: dict[str, defaultdict[str, int]] = {}

    def count(self, client: str, uses: Iterable[str]) -> None:
        """Count one call of a client, by the names of all that it uses."""
        calls = self._calls.get(client) or self._of(client)
        for use in uses:
            calls[use] += 1

    def add(self, calls: Calls) -> None:
        """Add numbers of calls to these."""
        for client, numbers in calls.items():
            known = self._of(client)
            for use, number in numbers.items():
                known[use] += number

    def take(self) -> Calls:
        """Return all, and begin anew."""
        taken, self._calls = self._calls, {}
        return taken

    def rows(self) -> list[tuple[str, str, int]]:
        """Return all as rows of client, name and number."""
        return [(client, use, n) for client, calls in self._calls.items() for use, n in calls.items()]

    def _of(self, client: str) -> defaultdict[str, int]:
        if client not in self._calls and len(self._calls) >= MAX_CLIENTS:
            client = OTHER
        return self._calls.setdefault(client, defaultdict(int))
