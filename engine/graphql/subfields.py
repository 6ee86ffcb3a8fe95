"""What a resolver can know of the fields that are selected below its own."""

from collections.abc import Mapping, Set
from typing import Any

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionNode, SelectionSetNode
from strawberry.types.info import Info


def selects_only(info: Info[Any, Any], *names: str) -> bool:
    """Tell whether nothing but fields of *names*, and ``__typename``, is selected below the field of *info*.

    A field that ``@skip`` or ``@include`` leaves out is selected all the same.
    """
    core = info._raw_info
    expected = {*names, "__typename"}
    return all(_are_expected(node.selection_set, expected, core.fragments) for node in core.field_nodes)


# No closures that call each other: such a cycle would keep all that the request has read until a collection.
def _are_expected(
    selected: SelectionSetNode | None, expected: Set[str], fragments: Mapping[str, FragmentDefinitionNode]
) -> bool:
    return selected is None or all(_is_expected(one, expected, fragments) for one in selected.selections)


def _is_expected(
    selection: SelectionNode, expected: Set[str], fragments: Mapping[str, FragmentDefinitionNode]
) -> bool:
    if isinstance(selection, FieldNode):
        return selection.name.value in expected
    if isinstance(selection, FragmentSpreadNode):
        return _are_expected(fragments[selection.name.value].selection_set, expected, fragments)
    return _are_expected(selection.selection_set, expected, fragments)  # type: ignore[attr-defined]
