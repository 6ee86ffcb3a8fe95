"""The fields of the root that an operation asks for, by whichever fragments."""

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)


def root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> list[str]:
    """Return the schema coordinates, such as ``Query.orders``, of the fields of the root, each once.

    Args:
        document: is valid, so that its names are the schema's, and its fragments end.
    """
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    found: dict[str, None] = {}
    seen: set[str] = set()

    def look(selections: SelectionSetNode) -> None:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                found[node.name.value] = None
            elif isinstance(node, InlineFragmentNode):
                look(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                look(fragments[node.name.value])

    look(operation.selection_set)
    root = operation.operation.value.capitalize()
    return [f"{root}.{name}" for name in found]
