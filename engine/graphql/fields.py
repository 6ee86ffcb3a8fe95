"""How the fields of a Strawberry schema are resolved, and fields that are resolved for whole sets of objects."""

import asyncio
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

import strawberry
from graphql import GraphQLField, GraphQLObjectType
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

#: Keys in the metadata of a Strawberry field.
BATCH = "engine.graphql.batch"
READS = "engine.graphql.reads"

_PARENT: Any = strawberry.Parent[Any]  # type: ignore[misc]

BatchResolver = Callable[..., Any]
_MAY_BE_AWAITABLE = re.compile(r"\b(Any|Await|Corout|Future|Task|object)")


def reads(*attributes: str) -> dict[str, Any]:
    """Return the metadata of a field whose resolver reads nothing of its object but *attributes*."""
    return {READS: frozenset(attributes)}


def batch_field(
    resolver: BatchResolver | None = None,
    *,
    reads: Iterable[str] | None = None,
    metadata: Mapping[Any, Any] | None = None,
    **options: Any,
) -> Any:
    """Declare a field by a resolver of sets, ``(objects, ctx, **arguments) -> list of values``, async or not.

    The resolver is called once for all objects of a level, which are of one GraphQL type. It returns a value for
    each object, in their order; an exception in the place of a value is the error of that object alone, while one
    that is raised is the error of all. Arguments are converted once for the set, and are not to be changed.

    The same field works under graphql-core, which resolves object by object: what is asked in one turn of the
    event loop is gathered into one call.

    The field's type is that of the list's entries, unless ``graphql_type`` tells another one.

    Args:
        reads: the attributes of the objects that the resolver reads; all of them, as far as others know, if not told.
        metadata: further metadata of the field.
        options: whatever ``strawberry.field`` takes.
    """

    def declare(function: BatchResolver) -> Any:
        extra = {} if reads is None else {READS: frozenset(reads)}
        return strawberry.field(
            resolver=_one_by_one(function),
            metadata={**(metadata or {}), **extra, BATCH: function},
            **options,
        )

    return declare if resolver is None else declare(resolver)


#: Objects on their way into one call, by the context, the resolver and the GraphQL type they are for.
_gathering: dict[tuple[int, BatchResolver, GraphQLObjectType], list["_Gathering"]] = {}
_tasks: set[asyncio.Task[None]] = set()


class _Gathering:
    """Objects of one turn of the loop, for one call with the same arguments."""

    def __init__(
        self, key: tuple[int, BatchResolver, GraphQLObjectType], context: Any, arguments: dict[str, Any]
    ) -> None:
        self.key = key
        self.context = context
        self.arguments = arguments
        self.objects: list[Any] = []
        self.values = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        task = asyncio.get_running_loop().create_task(self._run())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def _run(self) -> None:
        _gathering.pop(self.key, None)
        try:
            values = await resolve_batch(self.key[1], self.objects, self.context, self.arguments)
        except asyncio.CancelledError:
            self.values.cancel()
            raise
        self.values.set_result(values)


async def resolve_batch(
    function: BatchResolver, objects: list[Any], context: Any, arguments: dict[str, Any]
) -> list[Any]:
    """Call a resolver of sets and return a value for each object, exceptions among them."""
    try:
        values = function(objects, context, **arguments)
        return check_batch(function, await values if inspect.isawaitable(values) else values, objects)
    except Exception as error:
        return [error] * len(objects)


def check_batch(function: BatchResolver, values: Any, objects: list[Any]) -> list[Any]:
    """Return *values* as a list.

    Raises:
        ValueError: there are more or fewer of them than *objects*.
    """
    values = values if type(values) is list else list(values)
    if len(values) != len(objects):
        raise ValueError(f"{function.__qualname__} returned {len(values)} values for {len(objects)} objects")
    return cast("list[Any]", values)


def _one_by_one(function: BatchResolver) -> Callable[..., Any]:
    async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
        key = (id(info.context), function, info._raw_info.parent_type)
        open_now = _gathering.setdefault(key, [])
        for gathering in open_now:
            if gathering.arguments == arguments:
                break
        else:
            gathering = _Gathering(key, info.context, arguments)
            open_now.append(gathering)
            asyncio.get_running_loop().call_soon(gathering.start)
        place = len(gathering.objects)
        gathering.objects.append(root)
        value = (await asyncio.shield(gathering.values))[place]
        if isinstance(value, Exception):
            raise value
        return value

    _, _, *rest = inspect.signature(function).parameters.values()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = [
        inspect.Parameter("root", kind, annotation=_PARENT),
        inspect.Parameter("info", kind, annotation=Info),
    ]
    of_all = inspect.signature(function).return_annotation
    of_each = next(iter(get_args(of_all)), of_all)
    resolve.__signature__ = inspect.Signature([*first, *rest], return_annotation=of_each)  # type: ignore[attr-defined]
    resolve.__annotations__ = {parameter.name: parameter.annotation for parameter in (*first, *rest)}
    resolve.__module__ = function.__module__
    resolve.__name__ = resolve.__qualname__ = function.__name__
    resolve.__doc__ = function.__doc__
    return resolve


@dataclass(frozen=True, slots=True)
class Resolver:
    """How a field is resolved: at most one of these is set, none if graphql-core's function must be called.

    Args:
        attribute: the name of the attribute that holds the value.
        batch: the resolver of sets.
        call: Strawberry's resolver, to be called for each object.
    """

    strawberry: StrawberryField | None
    attribute: str | None = None
    batch: BatchResolver | None = None
    call: Callable[..., Any] | None = None
    is_async: bool = False
    #: What it reads of its object; None if nobody knows.
    reads: frozenset[str] | None = None


def find_resolver(definition: GraphQLField, schema: strawberry.Schema) -> Resolver:
    """Return how *definition* is resolved."""
    field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(field, StrawberryField):
        return Resolver(None)
    declared = field.metadata.get(READS)
    known = None if declared is None else frozenset(declared)
    if type(field) is not StrawberryField or field.extensions or _handles_exceptions(field, schema):
        return Resolver(field, reads=known)
    if field.base_resolver is None:
        if schema.config.default_resolver is not getattr or not field.python_name.isidentifier():
            return Resolver(field, reads=known)
        return Resolver(field, attribute=field.python_name, reads=frozenset({field.python_name}))
    if batch := field.metadata.get(BATCH):
        return Resolver(field, batch=batch, is_async=True, reads=known)
    return Resolver(
        field, call=field.base_resolver._unbound_wrapped_func, is_async=field.is_async, reads=known
    )


def promises_value(function: Callable[..., Any]) -> bool:
    """Return whether the annotation of a resolver that is no coroutine says that it returns nothing to await."""
    told = inspect.signature(function).return_annotation
    text = told if isinstance(told, str) else inspect.formatannotation(told)
    return told is not inspect.Signature.empty and not _MAY_BE_AWAITABLE.search(text)


def _handles_exceptions(field: StrawberryField, schema: strawberry.Schema) -> bool:
    return bool(schema.schema_converter._get_field_exception_handlers(field))
