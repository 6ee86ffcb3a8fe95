"""Documents that several tests send, and readers of what comes back."""

from typing import Any

from graph.types.nodes import encode_id
from models import Order, Product, User
from tests.client import Answer, Client

#: What a mutation's payload shows beside its errors.
RESULTS = {
    "login": "accessToken refreshToken expiresIn user { id email }",
    "refreshToken": "accessToken refreshToken expiresIn user { id }",
    "changePassword": "accessToken refreshToken expiresIn user { id email }",
    "logout": "signedOut",
    "createOrder": "replayed order { id databaseId status shippingAddress total { amount currency }"
    " items { quantity productName unitPrice { amount } product { id } } events { status actor { id } } }",
    "revokeSession": "session { id isCurrent }",
    "revokeOtherSessions": "revokedCount",
    "requestPasswordReset": "accepted",
    "requestEmailChange": "accepted",
    "adjustStock": "replayed product { id onHand } movement { id delta onHandAfter note idempotencyKey }",
    "replayDeadLetters": "count",
    "dropDeadLetters": "count",
    "cancelOrder": "order { id status events { status actor { id } } }",
    "retryOrder": "order { id status failureCode attempts events { status actor { id } } }",
}
USER = "user { id databaseId email fullName isActive isAdmin }"
PRODUCT = "product { id name description price { amount currency } onHand inStock archivedAt }"


def global_id(row: Order | Product | User) -> str:
    """Return the global id of a row."""
    return encode_id(type(row).__name__, row.id)


def mutation(name: str) -> str:
    """Return a document that runs one mutation and asks for all of its payload."""
    result = RESULTS.get(name) or (PRODUCT if "Product" in name or "Stock" in name else USER)
    kind = name[0].upper() + name[1:]
    return (
        f"mutation($input: {kind}Input!)"
        f" {{ {name}(input: $input) {{ {result} errors {{ code message field }} }} }}"
    )


async def mutate(
    client: Client, name: str, /, *, user: User | None = None, token: str | None = None, **values: Any
) -> dict[str, Any]:
    """Run one mutation and return its payload."""
    answer = await attempt(client, name, user=user, token=token, **values)
    outcome: dict[str, Any] = answer.data[name]
    return outcome


async def attempt(
    client: Client, name: str, /, *, user: User | None = None, token: str | None = None, **values: Any
) -> Answer:
    """Run one mutation and return the whole answer."""
    return await client.graphql(mutation(name), {"input": values}, user=user, token=token)


def refusals(outcome: dict[str, Any]) -> list[tuple[str, list[str] | None]]:
    """Return the code and the path of each error of a payload, and check that it shows nothing else."""
    assert not any(value for key, value in outcome.items() if key != "errors"), outcome
    return [(error["code"], error["field"]) for error in outcome["errors"]]
