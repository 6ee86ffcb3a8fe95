"""Compiles the selection set on objects of one type to a Python function.

The code of ``{ id name parts { … } }`` is a loop over the objects that builds each one's dict in a single display:
leaves are read, checked and serialized in line, the results of all other fields come along as lists, one entry
for each object. A ``try`` costs nothing as long as nothing is raised (Python 3.11 and later).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from engine.graphql.code_cache import CodeCache
from engine.graphql.gathering import gather_all, outcomes
from engine.graphql.leaves import Leaf, Pending
from engine.graphql.null_propagation import reaches_root
from engine.graphql.plan import Complete, Field, Run, Start


@dataclass(frozen=True, slots=True)
class InlineLeaf:
    """A leaf that the loop reads by itself.

    Args:
        attribute: the attribute that holds it, or None where *call* gives it.
        call: a resolver of one object that needs no arguments.
    """

    key: str
    field: Field
    leaf: Leaf
    attribute: str | None = None
    call: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for all objects: ``__typename``."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class SetField:
    """A field that is resolved and completed for the whole set of objects before the loop."""

    key: str
    start: Start


Entry = InlineLeaf | Constant | SetField


@dataclass(slots=True)
class _Writer:
    """Writes the code of one selection set, and collects what the names in it stand for."""

    names: dict[str, Any] = field(default_factory=dict)
    parameters: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)

    def add(self, number: int, entry: Entry) -> None:
        if isinstance(entry, SetField):
            self.parameters.append(f"x{number}")
            value = f"v{number}"
        elif isinstance(entry, Constant):
            value = repr(entry.value)
        else:
            self.inside.append(f"try: v{number} = {self._read(number, entry)}")
            self.inside.append(f"except Exception as error: v{number} = error")
            self.names |= entry.leaf.names(number)
            value = entry.leaf.expression(f"v{number}", number)
        self.pairs.append(f"{entry.key!r}: {value}")

    def _read(self, number: int, entry: InlineLeaf) -> str:
        if entry.attribute is not None:
            return f"o.{entry.attribute}"
        self.names[f"f{number}"] = entry.call
        arguments, wants_info = call_arguments(entry.field, f"i{number}")
        if wants_info:
            self.names[f"d{number}"] = entry.field
            self.before.append(f"i{number} = run.info(d{number})")
        return f"f{number}({', '.join(arguments)})"

    def source(self) -> str:
        lists = "".join(f", {name}" for name in self.parameters)
        values = "".join(f", v{name[1:]}" for name in self.parameters)
        lines = [
            f"def build(objects, run{lists}):",
            *(f"    {line}" for line in self.before),
            "    out = []",
            "    add = out.append",
            f"    for o{values} in {f'zip(objects{lists})' if lists else 'objects'}:",
            *(f"        {line}" for line in self.inside),
            f"        add({{{', '.join(self.pairs)}}})",
            "    return out",
        ]
        return "\n".join(lines)


def call_arguments(target: Field, info: str) -> tuple[list[str], bool]:
    """Return how Strawberry's resolver of *target* takes the object ``o`` and its info, and whether it wants that."""
    resolver = target.strawberry.base_resolver if target.strawberry else None
    if resolver is None:
        return [], False
    arguments = ["o"] if resolver.self_parameter else []
    for parameter in (resolver.parent_parameter, resolver.root_parameter):
        if parameter and f"{parameter.name}=o" not in arguments:
            arguments.append(f"{parameter.name}=o")
    if resolver.info_parameter:
        arguments.append(f"{resolver.info_parameter.name}={info}")
    return arguments, resolver.info_parameter is not None


def compile_selection(entries: list[Entry], code: CodeCache) -> Complete:
    """Return the function that executes a selection set on a set of objects, its fields concurrently."""
    writer = _Writer()
    for number, entry in enumerate(entries):
        writer.add(number, entry)
    build = code.define("build", writer.source(), writer.names)
    starts = [entry.start for entry in entries if isinstance(entry, SetField)]
    inline = [entry.key for entry in entries if isinstance(entry, InlineLeaf)]

    def select(objects: list[Any], run: Run) -> list[Any] | Awaitable[list[Any]]:
        lists = [start(objects, run) for start in starts]
        for done in lists:
            if done.__class__ is not list:
                return later(objects, run, lists)
        out = cast("list[Any]", build(objects, run, *lists))
        return _complete_pending(out, inline, run) if run.pending and inline else out

    async def later(objects: list[Any], run: Run, lists: list[Any]) -> list[Any]:
        awaitable = [index for index, done in enumerate(lists) if done.__class__ is not list]
        if len(awaitable) == 1:
            lists[awaitable[0]] = await lists[awaitable[0]]
        else:
            done = await gather_all([lists[index] for index in awaitable])
            for index, values in zip(awaitable, done, strict=True):
                lists[index] = values
        out = cast("list[Any]", build(objects, run, *lists))
        return await _complete_pending(out, inline, run) if run.pending and inline else out

    return select


def compile_serial_selection(entries: list[Entry], code: CodeCache) -> Complete:
    """Return the function that executes the root selection set of a mutation, one field after the other.

    Once a failure has made the whole answer null, nothing further is begun (section 6.4.4).
    """
    build = compile_selection([], code)

    async def select(objects: list[Any], run: Run) -> list[Any]:
        out = cast("list[Any]", build(objects, run))
        for entry in entries:
            if isinstance(entry, SetField):
                done = entry.start(objects, run)
                values = done if type(done) is list else await cast("Awaitable[list[Any]]", done)
                out[0][entry.key] = values[0]
                if run.failed and reaches_root(out[0]):
                    break
            elif isinstance(entry, Constant):
                out[0][entry.key] = entry.value
        return out

    return select


async def _complete_pending(out: list[Any], keys: list[str], run: Run) -> list[Any]:
    """Await and complete the leaves that turned out to be awaitable."""
    found = [(row, key) for row in out for key in keys if type(row[key]) is Pending]
    values = await outcomes([row[key].awaitable for row, key in found])
    for (row, key), value in zip(found, values, strict=True):
        row[key] = row[key].complete(value, run)
    return out
