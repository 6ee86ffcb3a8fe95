"""Fields that are resolved for whole sets of objects, by the executor and, as a dataloader does, by graphql-core."""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast, get_args

import strawberry
from strawberry.types.info import Info

#: Keys in the metadata of a Strawberry field.
BATCH = "engine.graphql.batch"
READS = "engine.graphql.reads"

_PARENT: Any = strawberry.Parent[Any]  # type: ignore[misc]

#: Gets the objects, the context and the arguments, and returns a list of values or an awaitable of it.
BatchResolver = Callable[..., Any]


def reads(*attributes: str) -> dict[str, Any]:
    """Return the metadata of a field whose resolver reads nothing of its object but *attributes*.

    What it reads of objects that it loads is written with their GraphQL type: ``"Part.weight"``.
    """
    return {READS: frozenset(attributes)}


def batch_field(
    resolver: BatchResolver | None = None,
    *,
    reads: Iterable[str] | None = None,
    metadata: Mapping[Any, Any] | None = None,
    **options: Any,
) -> Any:
    """Declare a field by a batch resolver, ``(objects, ctx, **arguments) -> list of values``, async or not.

    The resolver is called once for all objects of a level, which are of one GraphQL type. It returns a value for
    each object, in their order; an exception in the place of a value is the error of that object alone, while one
    that is raised is the error of all. Arguments are converted once for the set, and must not be changed.

    The same field works under graphql-core, which resolves object by object: the objects of one turn of the event
    loop are collected for one call.

    The field's type is that of the list's items, unless ``graphql_type`` says otherwise.

    Args:
        resolver: the batch resolver, where the decorator is used without arguments.
        reads: the attributes that the resolver reads, as for :func:`reads`; without it, it is taken to read all.
        metadata: further metadata of the field.
        options: whatever ``strawberry.field`` takes.
    """

    def declare(function: BatchResolver) -> Any:
        extra = {} if reads is None else {READS: frozenset(reads)}
        return strawberry.field(
            resolver=_resolver_of_one(function),
            metadata={**(metadata or {}), **extra, BATCH: function},
            **options,
        )

    return declare if resolver is None else declare(resolver)


async def resolve_batch(
    function: BatchResolver, objects: list[Any], context: Any, arguments: dict[str, Any]
) -> list[Any]:
    """Call a batch resolver and return a value for each object, exceptions among them."""
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


class _Batch:
    """Objects for one call, all with the same context, type and arguments."""

    def __init__(self, context: Any, arguments: dict[str, Any]) -> None:
        self.context = context
        self.arguments = arguments
        self.objects: list[Any] = []
        self.values: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()


class _Dataloader:
    """Collects the objects of a batch field that graphql-core resolves one by one in one turn of the event loop.

    A batch runs in the context variables of its first object: the other ones are of the same request.
    """

    def __init__(self, function: BatchResolver) -> None:
        self._function = function
        #: Batches that take further objects, by the identity of the context and the name of the type.
        self._open: dict[tuple[int, str | None], list[_Batch]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self, root: Any, info: Info, arguments: dict[str, Any]) -> Any:
        key = (id(info.context), info.path.typename)
        batches = self._open.setdefault(key, [])
        for batch in batches:
            if batch.arguments == arguments:
                break
        else:
            batch = _Batch(info.context, arguments)
            batches.append(batch)
            asyncio.get_running_loop().call_soon(self._start, key, batch)
        index = len(batch.objects)
        batch.objects.append(root)
        # Shielded, for the other objects must not be cancelled with this one.
        value = (await asyncio.shield(batch.values))[index]
        if isinstance(value, Exception):
            raise value
        return value

    def _start(self, key: tuple[int, str | None], batch: _Batch) -> None:
        task = asyncio.get_running_loop().create_task(self._resolve(key, batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(self, key: tuple[int, str | None], batch: _Batch) -> None:
        self._open.pop(key, None)
        try:
            values = await resolve_batch(self._function, batch.objects, batch.context, batch.arguments)
        except asyncio.CancelledError:
            batch.values.cancel()
            raise
        batch.values.set_result(values)


def _resolver_of_one(function: BatchResolver) -> Callable[..., Any]:
    """Return a resolver with the signature that Strawberry needs to see, for one object."""
    dataloader = _Dataloader(function)

    async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
        return await dataloader.load(root, info, arguments)

    _, _, *rest = inspect.signature(function).parameters.values()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = [
        inspect.Parameter("root", kind, annotation=_PARENT),
        inspect.Parameter("info", kind, annotation=Info),
    ]
    of_all = inspect.signature(function).return_annotation
    of_one = next(iter(get_args(of_all)), of_all)
    resolve.__signature__ = inspect.Signature([*first, *rest], return_annotation=of_one)  # type: ignore[attr-defined]
    resolve.__annotations__ = {parameter.name: parameter.annotation for parameter in (*first, *rest)}
    resolve.__module__ = function.__module__
    resolve.__name__ = resolve.__qualname__ = function.__name__
    resolve.__doc__ = function.__doc__
    return resolve
