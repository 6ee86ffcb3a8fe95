"""Every package that is imported is declared, and bounded where its private names are used."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest

from tests.test_layers import LAYERS, ROOT, imports, modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Declared for another reason than an import, and why.
NOT_IMPORTED = {
    "fastapi-offline": "imported by its data files alone",
    "python-multipart": "FastAPI reads forms with it",
    "uvloop": "uvicorn is told its name",
}
#: Imported and not declared, and why.
NOT_DECLARED: dict[str, str] = {}
#: Libraries whose private names are used, or interfaces that are not settled.
BOUNDED = (
    *("asyncpg", "fastapi", "graphql-core", "redis", "strawberry-graphql", "taskiq", "taskiq-redis"),
    *("tortoise-orm", "uvicorn"),
)
#: Run beside the project, with requirements of their own.
OTHER_PROJECTS = ("benchmarks/peers/", "tests/clients/openapi_python/", "tests/security/")


def declared(requirements: list[str]) -> dict[str, str]:
    """Return requirements by the names of their distributions."""
    return {re.split(r"[<>=!;\[ ]", line)[0]: line for line in requirements}


def imported(*folders: str) -> Iterator[str]:
    """Yield the distributions that modules in *folders* import."""
    distributions = packages_distributions()
    ours = {*LAYERS, "dev", "tests", "benchmarks"}
    for path in modules(*folders):
        if path.relative_to(ROOT).as_posix().startswith(OTHER_PROJECTS):
            continue
        for name in {name.split(".")[0] for name in imports(path)} - sys.stdlib_module_names - ours:
            yield from (found.lower().replace("_", "-") for found in distributions.get(name, [name]))


def test_what_the_product_imports_is_declared() -> None:
    found = set(imported(*LAYERS)) - NOT_DECLARED.keys()
    assert found <= declared(PROJECT["dependencies"]).keys()


def test_what_development_imports_is_declared() -> None:
    found = set(imported("dev", "tests", "benchmarks")) - NOT_DECLARED.keys()
    extra = PROJECT["optional-dependencies"]["dev"]
    assert found <= declared(PROJECT["dependencies"] + extra).keys()


def test_what_is_declared_is_imported_or_has_a_reason() -> None:
    assert declared(PROJECT["dependencies"]).keys() - set(imported(*LAYERS)) == NOT_IMPORTED.keys()


@pytest.mark.parametrize("name", BOUNDED)
def test_libraries_with_private_names_in_use_are_bounded(name: str) -> None:
    assert ",<" in declared(PROJECT["dependencies"])[name]
