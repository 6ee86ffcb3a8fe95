"""How much work it is to see whether the fields of a document can be merged, found out without doing it.

Fields of one response name in one place must be the same field (GraphQL specification, section 5.3.2), so a validator
compares each two of them: half a million comparisons for a field that is written a thousand times, in any of its many
disguises. Here the pairs are only counted.
"""

from collections.abc import Iterator, Mapping, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from engine.graphql import find_fragments

#: Pairs; each takes about 10 µs to compare. One field in a hundred fragments of one type makes 4,950.
MAX_PAIRS = 10_000
#: Selections looked at, however often their fragment is spread.
MAX_STEPS = 20_000


class _TooMuchError(Exception):
    """It is more than anybody wants to know."""


class _Counter:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self.fragments = fragments
        self.pairs = 0
        self.steps = 0

    def count(self, sets: Sequence[SelectionSetNode]) -> None:
        """Count the pairs of what is selected by *sets* in one place, and of what is below."""
        places: dict[str, list[FieldNode]] = {}
        for node in self._fields(sets):
            places.setdefault((node.alias or node.name).value, []).append(node)
        for nodes in places.values():
            self.pairs += len(nodes) * (len(nodes) - 1) // 2
            if self.pairs > MAX_PAIRS:
                raise _TooMuchError
            if inner := [node.selection_set for node in nodes if node.selection_set]:
                self.count(inner)

    def _fields(self, sets: Sequence[SelectionSetNode]) -> Iterator[FieldNode]:
        pending, spread = list(sets), set[str]()
        while pending:
            for selection in pending.pop().selections:
                self.steps += 1
                if self.steps > MAX_STEPS:
                    raise _TooMuchError
                if isinstance(selection, FieldNode):
                    yield selection
                elif isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    # A fragment spread twice in one place is compared once.
                    if name not in spread and (fragment := self.fragments.get(name)):
                        spread.add(name)
                        pending.append(fragment.selection_set)
                else:
                    pending.append(selection.selection_set)  # type: ignore[attr-defined]


def is_hard_to_merge(document: DocumentNode) -> bool:
    """Return whether comparing all fields of *document* that must be compared takes too long."""
    counter = _Counter(find_fragments(document))
    try:
        for node in document.definitions:
            if isinstance(node, FragmentDefinitionNode | OperationDefinitionNode):
                counter.count([node.selection_set])
    except (_TooMuchError, RecursionError):
        return True
    return False
