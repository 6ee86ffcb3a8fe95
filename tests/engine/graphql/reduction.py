"""Makes the request of a failed case smaller while it still fails."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)
from graphql.language import REMOVE
from graphql.language.visitor import VisitorAction

from engine.graphql import core_schema
from tests.engine.graphql.cases import Case
from tests.engine.graphql.documents import RULES, Request

#: Parts of a document that can go by themselves.
_PARTS = ("field", "argument", "directive", "fragment_spread", "inline_fragment", "object_field")


class _Used(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.fragments: set[str] = set()

    def enter_variable(self, node: Any, *_: Any) -> None:
        self.variables.add(node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.fragments.add(node.name.value)


class _Without(Visitor):
    """Removes or unwraps the n-th part."""

    def __init__(self, number: int, unwrap: bool) -> None:
        super().__init__()
        self.number = number
        self.unwrap = unwrap
        self.seen = -1

    def enter(self, node: Node, *_: Any) -> VisitorAction:
        if node.kind not in _PARTS:
            return None
        self.seen += 1
        return REMOVE if self.seen == self.number and not self.unwrap else None

    def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> Any:
        if not self.unwrap:
            return None
        self.seen += 1
        if self.seen != self.number:
            return None
        selections: list[Any] = []
        for part in node.selections:
            whole = isinstance(part, InlineFragmentNode) and not part.directives
            selections.extend(part.selection_set.selections if whole else [part])  # type: ignore[attr-defined]
        return SelectionSetNode(selections=tuple(selections))


def _tidied(document: DocumentNode) -> DocumentNode:
    """Drop fragments and variables that nothing uses any more."""
    used = _Used()
    for definition in document.definitions:
        selections = getattr(definition, "selection_set", None)
        if selections is not None:
            visit(selections, used)
    definitions: list[Any] = []
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode) and definition.name.value not in used.fragments:
            continue
        if isinstance(definition, OperationDefinitionNode):
            kept = [
                one
                for one in definition.variable_definitions or ()
                if one.variable.name.value in used.variables
            ]
            definition = _copied(definition, variable_definitions=tuple(kept))
        definitions.append(definition)
    return DocumentNode(definitions=tuple(definitions))


def _copied(node: OperationDefinitionNode, **changes: Any) -> OperationDefinitionNode:
    return OperationDefinitionNode(**({key: getattr(node, key) for key in node.keys} | changes))


def _smaller(request: Request, schema: Any) -> Iterator[Request]:
    for unwrap in (False, True):
        number = 0
        while True:
            remover = _Without(number, unwrap)
            document = visit(request.document, remover)
            if remover.seen < number:
                break
            number += 1
            try:
                text = print_ast(_tidied(_tidied(document)))
                parsed = parse(text)
            except Exception:
                continue
            if (
                "{}" not in text
                and text != request.text
                and not validate(schema, parsed, RULES, max_errors=1)
            ):
                yield replace(request, text=text, document=parsed)
    for name in request.variables or {}:
        rest = {key: value for key, value in (request.variables or {}).items() if key != name}
        yield replace(request, variables=rest)


async def reduced(case: Case, fails: Callable[[Case], Awaitable[bool]], max_trials: int = 400) -> Case:
    """Return a case with a smaller request that *fails* too, after at most *max_trials* of them."""
    found = True
    while found and max_trials > 0:
        found = False
        for request in _smaller(case.request, core_schema(case.schema)):
            max_trials -= 1
            smaller = replace(case, request=request)
            if max_trials > 0 and await fails(smaller):
                case, found = smaller, True
                break
    return case
