"""The mutations: bindings of the resolvers to the schema. Each takes one input and returns one payload."""

import strawberry

from graph.mutations.auth import AuthMutations
from graph.mutations.dead_letters import DeadLetterMutations
from graph.mutations.orders import OrderMutations
from graph.mutations.products import ProductMutations
from graph.mutations.recovery import RecoveryMutations
from graph.mutations.sessions import SessionMutations
from graph.mutations.users import UserMutations


@strawberry.type(description="What can be changed. Whatever the caller can put right comes back in `errors`.")
class Mutation(
    OrderMutations,
    ProductMutations,
    UserMutations,
    RecoveryMutations,
    SessionMutations,
    AuthMutations,
    DeadLetterMutations,
):
    """All of them, in the order of the schema."""
