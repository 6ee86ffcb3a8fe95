"""Typed clients made from ``schema.graphql``: what front-end teams generate must be generated, and compile."""

import shutil
from pathlib import Path

import pytest

from graph.schema import SDL_PATH
from tests.clients.node import FOLDER, require_packages, run_tool


def copy_of(project: str, folder: Path) -> Path:
    """Copy a small front-end project and the schema to where files may be generated."""
    require_packages()
    copy = shutil.copytree(FOLDER / project, folder / project)
    shutil.copy(SDL_PATH, copy)
    return copy


def test_graphql_codegen_makes_what_strict_typescript_accepts(tmp_path: Path) -> None:
    """That it does not accept everything is shown inside the program: each ``@ts-expect-error`` must be needed."""
    project = copy_of("typescript", tmp_path)
    run_tool("graphql-codegen", "--config", "codegen.mjs", cwd=project)
    run_tool("tsc", "--project", ".", cwd=project)


def test_relay_compiler_compiles(tmp_path: Path) -> None:
    project = copy_of("relay", tmp_path)
    run_tool("relay-compiler", cwd=project)
    made = {path.name.removesuffix(".graphql.ts") for path in project.glob("src/__generated__/*.ts")}
    assert made >= {"OrdersNextPageQuery", "OrdersProductsNextPageQuery", "OrdersCardRefetchQuery"}


def test_relay_compiler_refuses_what_the_schema_does_not_have(tmp_path: Path) -> None:
    project = copy_of("relay", tmp_path)
    source = project / "src" / "Orders.ts"
    source.write_text(source.read_text().replace('edgeTypeName: "OrderEdge"', 'edgeTypeName: "OrdersEdge"'))
    with pytest.raises(AssertionError, match="OrdersEdge"):
        run_tool("relay-compiler", cwd=project)
