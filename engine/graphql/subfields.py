"""What a resolver can know of the fields that are selected below its own."""

from collections.abc import Mapping, Set
from typing import Any

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionSetNode
from strawberry.types.info import Info


def selects_only(info: Info[Any, Any], *names: str) -> bool:
    """Tell whether nothing but fields of *names*, and ``__typename``, is selected below the field of *info*.

    A field that ``@skip`` or ``@include`` leaves out is selected all the same.
    """
    core = info._raw_info
    expected = {*names, "__typename"}
    return all(_are_expected(node.selection_set, expected, core.fragments) for node in core.field_nodes)


# No closure that calls itself: that is a cycle, which would keep all that the request has read until a collection.
def _are_expected(
    selected: SelectionSetNode | None, expected: Set[str], fragments: Mapping[str, FragmentDefinitionNode]
) -> bool:
    for selection in selected.selections if selected else ():
        if isinstance(selection, FieldNode):
            if selection.name.value not in expected:
                return False
            continue
        group = fragments[selection.name.value] if isinstance(selection, FragmentSpreadNode) else selection
        if not _are_expected(group.selection_set, expected, fragments):  # type: ignore[union-attr]
            return False
    return True
