"""``schema.graphql`` under public linters. What they may find has its reason in the configuration."""

import shutil
from pathlib import Path

import pytest

from graph.schema import SDL_PATH
from tests.clients.node import FOLDER, require_packages, run_tool

#: Fields, inputs and values stand in an order that tells a story: id first, then what matters most.
SORTING = {
    "enum-values-sorted-alphabetically",
    "input-object-fields-sorted-alphabetically",
    "interface-fields-sorted-alphabetically",
    "type-fields-sorted-alphabetically",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that has the schema and the configuration."""
    require_packages()
    shutil.copy(SDL_PATH, tmp_path)
    shutil.copy(FOLDER / "lint" / "eslint.config.mjs", tmp_path)
    return tmp_path


def test_graphql_eslint_finds_nothing(folder: Path) -> None:
    run_tool("eslint", "--max-warnings=0", SDL_PATH.name, cwd=folder)


def test_graphql_schema_linter_finds_nothing(folder: Path) -> None:
    known = (FOLDER / "node_modules" / "graphql-schema-linter" / "lib" / "rules").glob("*.js")
    rules = {path.stem.replace("_", "-") for path in known}
    assert rules > SORTING
    run_tool("graphql-schema-linter", "--rules", ",".join(sorted(rules - SORTING)), SDL_PATH.name, cwd=folder)
