"""What a document asks of an executor, found before anything is compiled."""

from dataclasses import dataclass
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is the same for all operations of a document.

    Args:
        conditions: the variables of ``@skip`` and ``@include``, on whose values the plan depends.
        is_supported: whether the executor knows everything that the document uses.
    """

    conditions: tuple[str, ...]
    is_supported: bool


def analyse(document: DocumentNode) -> Analysis:
    """Return what *document* asks of the executor."""
    visitor = _Visitor()
    visit(document, visitor)
    return Analysis(tuple(sorted(visitor.conditions)), visitor.is_supported)


def find_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """Return the operation to execute (GraphQL specification, ``GetOperation``); None if that is an error."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None:
        return operations[0] if len(operations) == 1 else None
    named = [node for node in operations if node.name and node.name.value == name]
    return named[-1] if named else None


def find_fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragment definitions of *document* by name."""
    return {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }


class _Visitor(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.conditions: set[str] = set()
        self.is_supported = True

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in ("defer", "stream"):
            self.is_supported = False
        elif node.name.value in ("skip", "include"):
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.conditions.add(argument.value.name.value)
                elif not isinstance(argument.value, BooleanValueNode):
                    self.is_supported = False

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        if node.variable_definitions:
            self.is_supported = False
