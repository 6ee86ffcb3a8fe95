"""A schema whose fields are resolved in every way that Strawberry knows, and fail in many."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission

from engine.graphql import batch_field
from tests.engine.graphql.values import Later


class Shout(FieldExtension):
    """Changes the result."""

    def resolve(self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        """Shout at once."""
        return next_(source, info, **kwargs).upper()

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        """Shout later."""
        return (await next_(source, info, **kwargs)).upper()


class Members(BasePermission):
    """Lets those in who are in the context."""

    message = "members only"
    error_extensions = {"code": "FORBIDDEN"}

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        """Ask the context."""
        return bool(info.context)


class Waiting(Members):
    """The same, after a while."""

    async def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:  # type: ignore[override]
        """Ask the context later."""
        await asyncio.sleep(0)
        return bool(info.context)


def _constant() -> str:
    return "constant"


@strawberry.type
class Thing:
    """Resolved in many ways."""

    plain: str = "plain"
    renamed: str = strawberry.field(name="otherName", default="renamed")
    secret: strawberry.Private[str] = "secret"

    @strawberry.field
    def method(self) -> str:
        """Use ``self``."""
        return self.secret

    @strawberry.field
    def with_info(self, info: strawberry.Info, word: str = "w") -> str:
        """Use ``info`` and an argument."""
        return f"{info.field_name} {info.python_name} {word} {info.context} {info.root_value}"

    @strawberry.field
    def by_parent(parent: strawberry.Parent["Thing"]) -> str:  # noqa: N805
        """Use the parent by its annotation."""
        return parent.secret

    @strawberry.field
    def by_root(root: "Thing") -> str:  # noqa: N805
        """Use the parent by its name."""
        return root.secret

    constant: str = strawberry.field(resolver=_constant)
    late_constant: str = strawberry.field(resolver=lambda: Later("late", 2))

    @strawberry.field(extensions=[Shout()])  # type: ignore[untyped-decorator]
    def shouted(self, word: str) -> str:
        """Be changed by an extension."""
        return self.plain + word

    @strawberry.field(extensions=[Shout(), Shout()])  # type: ignore[untyped-decorator]
    async def shouted_later(self, word: str = "!") -> str:
        """Be changed by two."""
        await asyncio.sleep(0)
        return self.plain + word

    @strawberry.field(permission_classes=[Members])  # type: ignore[untyped-decorator]
    def for_members(self) -> str | None:
        """Be refused."""
        return "welcome"

    @strawberry.field(permission_classes=[Waiting])  # type: ignore[untyped-decorator]
    async def for_members_later(self) -> str | None:
        """Be refused later."""
        return "welcome"

    @strawberry.field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    def coded(self) -> Any:
        """Fail with extensions."""
        raise GraphQLError("coded", extensions={"code": "CODED", "list": [1, None]})

    @strawberry.field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def placed(self) -> Any:
        """Fail with a path of its own."""
        raise GraphQLError("placed", path=["elsewhere", 3])

    @strawberry.field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    def returned(self) -> Any:
        """Return an error instead of raising it."""
        return ValueError("returned")

    @strawberry.field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def silent(self) -> Any:
        """Fail without a word."""
        raise RuntimeError

    @batch_field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def some(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Fail for one."""
        return [ValueError(root.plain) if root.plain == "bad" else root.plain for root in roots]

    @batch_field(graphql_type=str)  # type: ignore[untyped-decorator]
    async def all_fail(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Fail for everyone."""
        raise ValueError("all")

    @batch_field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def too_few(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Forget somebody."""
        return ["x"] * (len(roots) - 1)

    @batch_field(graphql_type=int)  # type: ignore[untyped-decorator]
    def at_once(roots: list[Any], ctx: Any, plus: int = 1) -> Any:  # noqa: N805
        """Be a batch that waits for nothing."""
        return (len(root.plain) + plus for root in roots)

    broken: str | None = None


@strawberry.type
class Query:
    """The root."""

    thing: Thing
    things: list[Thing | None]


SCHEMA = strawberry.Schema(Query)


class BrokenThing:
    """Stands in for a thing, and fails when it is looked at."""

    plain = "plain"

    @property
    def broken(self) -> str | None:
        """Fail."""
        raise ValueError("broken property")
