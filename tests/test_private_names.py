"""Private names of libraries are used in ``engine`` alone, each with its reason.

A private name may change in any release, so the libraries concerned have upper bounds in ``pyproject.toml``
(``tests/test_dependencies.py``), and what is built on them stands in one place.
"""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from tests.test_layers import LAYERS, ROOT, modules

#: What each file may use: by the reason, the names.
ALLOWED: dict[str, dict[str, str]] = {
    "engine/graphql/fields.py": {
        "Strawberry's own wrapper of a resolver awaits and copies for each object": "_unbound_wrapped_func",
        "what handles exceptions of a field is left to graphql-core": "_get_field_exception_handlers",
    },
    "engine/graphql/plan.py": {"Info has no public constructor": "_field _raw_info"},
    "engine/graphql/schema.py": {"graphql-core's schema has no public name": "_schema"},
    "engine/graphql/subfields.py": {"Info tells fragments to nobody": "_raw_info"},
    "engine/http/bounds.py": {
        "uvicorn keeps whatever a client sends, and stops its timer of idle connections as something arrives": (
            "_unset_keepalive_if_required"
        ),
    },
    "engine/http/protocol.py": {
        "uvicorn takes what follows an offer of another protocol for a request, and chunks answers to HTTP/1.0": (
            "_should_upgrade _start_asgi_task"
        ),
    },
    "engine/postgres/client.py": {
        "a cancelled BEGIN must give its connection back, which Tortoise's own block does not": (
            "_connection _finalized _parent _pool"
        ),
        "what the pool has taken back from a transaction, since it has ended, is not asked": "_con",
        "tasks other than the one that connected must find the connection": "_enable_global_fallback",
        "the seams of Tortoise's client: its transaction, its log, its translation of errors, its lock": (
            "_in_transaction _pool_init_lock _translate_exceptions"
        ),
    },
    "engine/postgres/connection.py": {
        "what asyncpg resets on release is looked at first": (
            "_is_cancelling _listeners _log_listeners _protocol _top_xact"
        ),
        "a prepared statement is executed without the four coroutines of fetch": (
            "_do_execute _query_loggers _stmt_cache"
        ),
    },
    "engine/postgres/opening.py": {"asyncpg has no setting for what ends a silent socket": "_transport"},
    "engine/postgres/pool.py": {
        "a clean connection is lent and taken back without asyncpg's task and timer for each": (
            "_acquire _closed _closing _con _deactivate_inactive_connection _generation _holder _holders _in_use"
            " _initialized _loop _max_queries _pool _pool_release_ctr _proxy _queue _release _reset _setup _timeout"
        ),
        "a connection that has sent nothing for a time is closed, and one that has sent much": "_protocol",
    },
    "engine/postgres/recording.py": {
        "asyncpg tells its query loggers only in the loop's next round, and not how many rows there were": (
            "_do_execute _time_and_log"
        )
    },
    "engine/postgres/rows.py": {"the columns and relations of a model have no public name": "_meta"},
    "engine/postgres/select.py": {"the primary key's column has no public name": "_meta"},
    "engine/redis/pipelined_connection.py": {
        "redis-py connects and signs in; what is sent and answered goes past its parsers": "_close _reader _writer"
    },
    "engine/redis/stream_broker.py": {
        "a worker must start while Redis is unavailable": "_declare_consumer_group"
    },
}
#: The same outside ``engine``, for a while: meant to be empty.
LEFT_OUTSIDE: dict[str, dict[str, str]] = {}
#: Private by their look alone: the documentation of Python tells to use them.
DOCUMENTED = {"os._exit", "logging._srcfile"}
NAMED_TUPLE = {"_asdict", "_field_defaults", "_fields", "_make", "_replace"}
BY_NAME = {"attrgetter", "delattr", "getattr", "hasattr", "methodcaller", "setattr"}
OURS = {*LAYERS, "dev"}


def is_private(name: str) -> bool:
    # Enum's _name_ and the like are public.
    return name.startswith("_") and not name.startswith("__") and not name.endswith("_")


def is_of_itself(node: ast.expr) -> bool:
    return ast.unparse(node) in ("self", "cls", "super()")


def own_names(tree: ast.AST) -> set[str]:
    """Return the private names that a module or class defines itself."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_of_itself(node.value):
            names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return set(filter(is_private, names))


def names_through_others(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that are read of anything but ``self``, passed, or imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if not is_of_itself(node.value) and ast.unparse(node) not in DOCUMENTED:
                yield node.attr
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BY_NAME:
            yield from (
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )
        elif isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in OURS:
            yield from [*(node.module or "").split("."), *(alias.name for alias in node.names)]


@cache
def names_of_library_class(kind: type) -> frozenset[str]:
    """Return the private names of a class of a library: of its methods, and of what they assign to ``self``."""
    names = set(filter(is_private, vars(kind)))
    # A class of an extension module has no source.
    with suppress(OSError, TypeError, SyntaxError):
        names |= own_names(ast.parse(textwrap.dedent(inspect.getsource(kind))))
    return frozenset(names)


def names_through_bases(path: Path, tree: ast.Module) -> Iterator[str]:
    """Yield the private names of library classes that classes derived from them override or use."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        _, *bases = getattr(module, node.name).__mro__
        bases = [base for base in bases if base.__module__.split(".")[0] not in OURS]
        theirs = set().union(*map(names_of_library_class, bases))
        used = {
            part.attr
            for part in ast.walk(node)
            if isinstance(part, ast.Attribute) and is_of_itself(part.value)
        }
        yield from theirs & (used | own_names(node))


def private_names(path: Path) -> set[str]:
    """Return the private names of libraries that a file of ours uses."""
    tree = ast.parse(path.read_text())
    listed = allowed().get(path.relative_to(ROOT).as_posix(), set())
    others = {name for name in names_through_others(tree) if is_private(name)} - NAMED_TUPLE
    return {name for name in others if name in listed or name not in own_names(tree)} | set(
        names_through_bases(path, tree)
    )


@cache
def allowed() -> dict[str, set[str]]:
    """Return the names that each file may use."""
    return {path: set(" ".join(names.values()).split()) for path, names in (ALLOWED | LEFT_OUTSIDE).items()}


@pytest.mark.parametrize("layer", [*LAYERS, "dev"])
def test_private_names_of_libraries_are_those_listed(layer: str) -> None:
    found = {path.relative_to(ROOT).as_posix(): private_names(path) for path in modules(layer)}
    listed = {path: names for path, names in allowed().items() if path.split("/")[0] == layer}
    assert {path: names for path, names in found.items() if names} == listed


def test_the_list_is_of_engine_alone() -> None:
    assert {path.split("/")[0] for path in ALLOWED} == {"engine"}


def test_the_check_sees_every_way_to_a_private_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_private_names.ROOT", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "poking.py"
    module.write_text(
        "import logging\nfrom asyncio import Queue\nfrom collections import _tuplegetter\n"
        "import asyncio.queues\n"
        "class Mine(Queue):\n"
        "    def _put(self, item): self._own = self._unfinished_tasks\n"
        "def poke(other):\n"
        "    logging._srcfile = other._name_ = None\n"
        "    getattr(other, '_by_text')\n"
        "    return other(_by_keyword=1)._replace(a=1)._attribute\n"
    )
    assert private_names(module) == {
        *("_attribute", "_by_keyword", "_by_text", "_put", "_tuplegetter", "_unfinished_tasks"),
    }
