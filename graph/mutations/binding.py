"""How a resolver is bound to a mutation of the schema."""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

import strawberry
from strawberry.types import get_object_definition

from core.errors import AppError, AuthenticationError, InternalError
from core.metrics import observe_error
from graph.types.errors import Payload, user_errors
from graph.types.nodes import Info

Input = TypeVar("Input")
P = TypeVar("P", bound=Payload)


def mutation(binding: Callable[[Any, Info, Input], Awaitable[P]]) -> Any:
    """Declare a mutation by a method ``(self, info, input) -> payload`` that calls a resolver.

    The method's docstring describes the mutation; the input type's description, its one argument. An error that the
    method raises, in reading the input as well, is put into a payload of the class that it is annotated to return.
    A request without a valid sign-in, or a defect of the server, is not the input's fault: both stay errors at the top
    level, where a client refreshes its token, or gives up, in one place.

    Fields below the payload see what the mutation did, also when an earlier one of the same document has loaded
    the same rows: mutations run one after the other (GraphQL specification, section 6.2.2).
    """
    payload: type[P] = inspect.signature(binding).return_annotation

    @wraps(binding)
    async def resolve(self: Any, info: Info, input: Input) -> P:
        info.context.loaders.clear()
        try:
            return await binding(self, info, input)
        except (AuthenticationError, InternalError):
            raise
        except AppError as error:
            observe_error("graphql", error.code)
            return payload(errors=user_errors(error))

    field = strawberry.mutation(resolve, description=" ".join((binding.__doc__ or "").split()))
    (argument,) = field.arguments
    argument.description = get_object_definition(argument.type, strict=True).description
    return field
