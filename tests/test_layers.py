"""Who may import whom: ``engine <- core <- models <- tasks <- graph <- rest <- app, cli``, and what each may name.

``dev`` stands beside them: it may import all but ``app`` and ``cli``, and nobody imports it but ``cli``, within its
commands.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: From the innermost to the outermost; each may import those before it.
LAYERS = ("engine", "core", "models", "tasks", "graph", "rest", "app", "cli")
#: ``"path imports module"`` that may stay for a while, each with its reason. Meant to be empty.
EXCEPTIONS: dict[str, str] = {}
FEATURES = ("auth", "orders", "products", "users")
FEATURE_FOLDERS = ("graph/resolvers", "graph/types", "rest/v1", "rest/v1/schemas")
FOREIGN_TO_RESOLVERS = {"strawberry", "fastapi", "pydantic", "starlette", "graphql"}
#: Words of the domain, which ``engine`` does not know.
DOMAIN_WORDS = {"cart", "customer", "customers", "money", "orders", "product", "products", "shop", "tandem"}
DOMAIN_WORDS |= {"user", "users"}
#: "Order" is one as a noun alone: not in "in the order of", ``order_by`` or ``ORDER BY``.
DOMAIN_NAMES = re.compile(r"\bOrder\b|Order[A-Z]|order_(?:id|item|event|status)|\b(?:an|each|every) order\b")
#: Where the two APIs are mounted, which ``core`` does not know.
API_PATHS = re.compile(r"(?<!\w)/(?:graphql|api|docs|redoc)\b")
#: Files that may name these for a while, each with its reason. Meant to be empty.
NAMING: dict[str, str] = {"engine/postgres/opening.py": "TCP_USER_TIMEOUT is what the option is called"}
#: Packages whose ``__all__`` is what others may import.
ENGINE_PACKAGES = ("engine.graphql", "engine.http", "engine.postgres", "engine.redis")
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        place = ROOT / folder
        if place.is_dir():
            yield from sorted(place.rglob("*.py"))
        else:
            yield place.with_suffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of every module that *path* imports, also inside functions."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module,) if node.module else ())))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "importlib.import_module",
            "__import__",
        ):
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))


def upward(layer: str) -> Iterator[str]:
    """Yield the imports in *layer* of what lies further out."""
    forbidden = set(LAYERS[LAYERS.index(layer) + 1 :]) | {"tests", "benchmarks"}
    if layer != "cli":
        forbidden.add("dev")
    for path in modules(layer):
        name = path.relative_to(ROOT).as_posix()
        yield from sorted(
            {f"{name} imports {found}" for found in imports(path) if found.split(".")[0] in forbidden}
        )


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_lies_further_in(layer: str) -> None:
    found = [line for line in upward(layer) if line not in EXCEPTIONS]
    if layer == "app":
        found = [line for line in found if "tests" in line]
    assert found == []


def test_every_exception_still_exists() -> None:
    assert set(EXCEPTIONS) <= {line for layer in LAYERS for line in upward(layer)}


def test_a_resolver_knows_no_web_framework_and_no_graphql_library() -> None:
    found = [
        f"{path.name} imports {name}"
        for path in modules("graph/resolvers")
        for name in imports(path)
        if name.split(".")[0] in FOREIGN_TO_RESOLVERS
        or name.startswith(
            (
                "graph.types",
                "graph.queries",
                "graph.mutations",
                "graph.schema",
                "graph.operation",
                "graph.endpoint",
            )
        )
    ]
    assert found == []


def test_the_command_imports_development_within_its_commands_only() -> None:
    top = ast.parse((ROOT / "cli.py").read_text()).body
    names = [node.module for node in top if isinstance(node, ast.ImportFrom)]
    assert [name for name in names if name and name.split(".")[0] == "dev"] == []


def test_development_does_not_import_what_composes_the_process() -> None:
    found = [name for path in modules("dev") for name in imports(path)]
    assert [name for name in found if name.split(".")[0] in ("app", "cli", "tests", "benchmarks")] == []


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("folder", FEATURE_FOLDERS)
def test_a_feature_has_the_same_name_in_every_folder(feature: str, folder: str) -> None:
    assert (ROOT / folder / f"{feature}.py").is_file()


def domain_words(path: Path) -> set[str]:
    """Return the words of the domain in a file: in names, comments and strings."""
    text = path.read_text()
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}
    return words & DOMAIN_WORDS | set(DOMAIN_NAMES.findall(text))


def api_paths(path: Path) -> set[str]:
    """Return the paths of the two APIs in the strings of a file."""
    strings = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    return {
        found for text in strings if isinstance(text, str | bytes) for found in API_PATHS.findall(str(text))
    }


def naming() -> dict[str, set[str]]:
    """Return what ``engine`` and ``core`` name that lies further out, by file."""
    found = {path: domain_words(path) for path in modules("engine")}
    found |= {path: api_paths(path) for path in modules("core")}
    return {path.relative_to(ROOT).as_posix(): names for path, names in found.items() if names}


def test_the_inner_layers_do_not_name_what_lies_further_out() -> None:
    assert {path: names for path, names in naming().items() if path not in NAMING} == {}


def test_every_file_that_may_name_what_lies_further_out_still_does() -> None:
    assert NAMING.keys() <= naming().keys()


def test_the_check_sees_words_of_the_domain(tmp_path: Path) -> None:
    module = tmp_path / "words.py"
    module.write_text("# of UserRow\nmoney_of = 'an order'\nclass OrderItem:\n    '''Tandem's.'''\n")
    assert domain_words(module) == {"an order", "OrderI", "money", "tandem", "user"}
    module.write_text("# in the order of rows: 'ORDER BY', order_by, ordered\ndef recorders(order): ...\n")
    assert domain_words(module) == set()
    module.write_text("PATHS = {'/graphql', b'/api/v1'}\n")
    assert api_paths(module) == {"/graphql", "/api"}


def test_the_packages_of_engine_are_imported_through_their_faces() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(*LAYERS[1:], "dev")
        for name in imports(path)
        for package in ENGINE_PACKAGES
        if name.startswith(f"{package}.")
        and name.removeprefix(f"{package}.") not in importlib.import_module(package).__all__
    ]
    assert found == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in modules(*LAYERS) if path.stem in VAGUE_NAMES] == []


def test_the_check_sees_every_form_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_layers.ROOT", tmp_path)
    module = tmp_path / "core" / "bad.py"
    module.parent.mkdir()
    module.write_text(
        "import graph.schema\n"
        "from models import Order\n"
        "from . import settings\n"
        "def late():\n    from tasks.orders import process\n"
        "    import importlib\n    importlib.import_module('rest.v1')\n"
    )
    assert [line.removeprefix("core/bad.py imports ") for line in upward("core")] == [
        "graph.schema",
        "models",
        "models.Order",
        "rest.v1",
        "tasks.orders",
        "tasks.orders.process",
    ]
