"""What the fields of the test schemas do: look into the row, in every way that a field can be resolved."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission

from tests.engine.graphql.rows import Ctx, Once, Raised
from tests.engine.graphql.values import Denied


def _key(root: Any) -> str:
    return str(getattr(root, "key", repr(root)))


def _call(ctx: Ctx, root: Any, owner: str, name: str, args: dict[str, Any]) -> None:
    ctx.calls[owner, name, _key(root), repr(args)] += 1


def give(ctx: Ctx, root: Any, owner: str, name: str, args: dict[str, Any]) -> Any:
    """Be a resolver: return or raise what the row holds."""
    _call(ctx, root, owner, name, args)
    return _stored(root, name)


def _stored(root: Any, name: str) -> Any:
    value = root.stored[name]
    if isinstance(value, Raised):
        raise value.error
    return iter(value.items) if isinstance(value, Once) else value


def tell(info: strawberry.Info, args: dict[str, Any]) -> str:
    """Be a resolver that answers with what it knows of the request."""
    path = [key for key in info.path.as_list() if isinstance(key, str)]
    told = (info.field_name, info.python_name, path, str(info.return_type), info.variable_values)
    selected = [getattr(field, "name", None) for field in info.selected_fields]
    operation = info.operation.name.value if info.operation.name else None
    return repr((*told, selected, operation, type(info.root_value).__name__, args))


async def _turns(root: Any, name: str) -> None:
    # Different rows and fields take their turns differently, but always the same.
    for _ in range((len(_key(root)) + sum(name.encode())) % 3):
        await asyncio.sleep(0)


async def give_later(ctx: Ctx, root: Any, owner: str, name: str, args: dict[str, Any]) -> Any:
    """Be an asynchronous resolver."""
    _call(ctx, root, owner, name, args)
    if owner == "Mutation":
        ctx.log.append(("begin", name))
    await _turns(root, name)
    if owner == "Mutation":
        ctx.log.append(("end", name))
    return _stored(root, name)


async def give_all(ctx: Ctx, roots: list[Any], owner: str, name: str, args: dict[str, Any]) -> Any:
    """Be a batch resolver."""
    ctx.batch_sizes.append((owner, name, len(roots)))
    for root in roots:
        _call(ctx, root, owner, name, args)
    await _turns(None, name)
    results: list[Any] = []
    for root in roots:
        try:
            results.append(_stored(root, name))
        except Exception as error:
            results.append(error)
    return _spoilt(results, ctx.world.batches.get((owner, name), ""))


def _spoilt(results: list[Any], how: str) -> Any:
    if how == "raise":
        raise Denied("the whole batch")
    return {"short": results[:-1], "long": [*results, None], "none": None}.get(how, results)


class Passing(FieldExtension):
    """Changes nothing, in either way of resolving."""

    def resolve(self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        """Pass the call on."""
        return next_(source, info, **kwargs)

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        """Pass the call on."""
        return await next_(source, info, **kwargs)


class NotTheFirst(BasePermission):
    """Keeps the first row of each type to itself."""

    message = "not this one"

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        """Tell by the number at the key's end."""
        return not _key(source).endswith("0") or source.typename in ("Query", "Mutation")
