"""What a resolver can know of the fields that are selected below its own."""

from typing import Any

from graphql import FieldNode, FragmentSpreadNode, SelectionNode, SelectionSetNode
from strawberry.types.info import Info


def selects_only(info: Info[Any, Any], *names: str) -> bool:
    """Tell whether nothing but fields of *names*, and ``__typename``, is selected below the field of *info*.

    A field that ``@skip`` or ``@include`` leaves out is selected all the same.
    """
    core = info._raw_info
    expected = {*names, "__typename"}

    def is_expected(selection: SelectionNode) -> bool:
        if isinstance(selection, FieldNode):
            return selection.name.value in expected
        if isinstance(selection, FragmentSpreadNode):
            return are_expected(core.fragments[selection.name.value].selection_set)
        return are_expected(selection.selection_set)  # type: ignore[attr-defined]

    def are_expected(selected: SelectionSetNode | None) -> bool:
        return selected is None or all(map(is_expected, selected.selections))

    return all(are_expected(node.selection_set) for node in core.field_nodes)
