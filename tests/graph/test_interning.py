"""Interned values: made once, shared, and bounded in number."""

from graph.types.interning import Interned


def test_a_value_is_made_once_and_shared() -> None:
    values: Interned[str, list[str]] = Interned(lambda key: [key])
    assert values["a"] is values["a"]
    assert values["a"] == ["a"]
    assert values["b"] == ["b"]


def test_no_more_values_are_kept_than_allowed() -> None:
    values = Interned(str, max_size=2)
    for key in range(5):
        assert values[key] == str(key)
        assert len(values) <= 2
