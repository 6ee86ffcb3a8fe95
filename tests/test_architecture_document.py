"""What ``docs/architecture.md`` names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMES = re.findall(r"`([\w/]+\.py):([\w.]+)`", TEXT)


def test_there_are_names_to_check() -> None:
    assert len(NAMES) > 20


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMES)), ids=lambda part: str(part))
def test_a_function_or_class_exists(path: str, name: str) -> None:
    scope = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [
            node
            for node in scope
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == part
        ]
        assert found, f"{path} has no {name}"
        scope = found[0].body


def test_every_folder_of_the_map_is_there_and_none_is_missing() -> None:
    folders = {path.parent.relative_to(ROOT).parts[0] for path in ROOT.glob("*/__init__.py")}
    drawn = set(re.findall(r"^(\w+)/ ", TEXT, flags=re.MULTILINE))
    assert drawn == folders - {"tests", "benchmarks"}
