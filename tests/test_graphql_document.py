"""Holds ``docs/graphql.md`` and ``docs/recipes.md`` to their word: each GraphQL operation in them runs."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import OperationDefinitionNode, OperationType, parse, print_ast

from graph.types.nodes import encode_id
from models import OneTimeToken, Order, Session, TokenPurpose, User
from tasks.events import order_channel
from tasks.orders import process
from tests.client import Client
from tests.factories import PASSWORD, make_admin, make_order, make_product, make_token, make_tokens, make_user
from tests.graph.documents import global_id
from tests.servers import SECONDS, is_subscribed, until

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[1] / "docs"


def _operations() -> dict[str, OperationDefinitionNode]:
    found: dict[str, OperationDefinitionNode] = {}
    for page in ("graphql.md", "recipes.md"):
        for block in re.findall(
            r"^```graphql\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL
        ):
            for definition in parse(block).definitions:
                assert isinstance(definition, OperationDefinitionNode)
                assert definition.name, "operations of the documentation have names"
                assert definition.name.value not in found
                found[definition.name.value] = definition
    return found


OPERATIONS = _operations()
#: Who sends them; an operation that stands in neither set fails the tests.
SIGNED_IN = {
    "Orders",
    "Devices",
    "SignOutThere",
    "SignOutElsewhere",
    "NewAddress",
    "NewPassword",
    "Watch",
    "OrderAndCursor",
    "PlaceAsShown",
    "WhyItFailed",
    "SignOut",
}
ADMINISTRATORS = {"Status", "StockNews", "Stuck", "Usage"}
SIGNED_OUT = {"Renew", "SignIn", "ForgotPassword", "SetPassword", "ConfirmAddress", "TakeBack"}


@dataclass(frozen=True)
class Shop:
    """What the operations need to find."""

    client: Client
    user: User
    order: Order

    async def variables(self, operation: str) -> dict[str, Any]:
        """Return fitting variables."""
        order = global_id(self.order)
        if operation in ("SetPassword", "ConfirmAddress"):
            change = operation == "ConfirmAddress"
            purpose = TokenPurpose.EMAIL_CHANGE if change else TokenPurpose.PASSWORD_RESET
            email = "new@example.com" if change else None
            token = await OneTimeToken.issue(self.user.id, purpose, email=email)
            return {"token": token} if change else {"token": token, "newPassword": "another good one"}
        if operation == "TakeBack":
            await User.filter(id=self.user.id).update(recovery_email="former@example.com")
            return {"token": await OneTimeToken.issue(self.user.id, TokenPurpose.EMAIL_REVERT)}
        if operation == "SignOutThere":
            await make_token(self.client.resources, self.user)
            session = await Session.all().first()
            assert session
            return {"session": encode_id("Session", session.id)}
        if operation == "Renew":
            return {"token": (await make_tokens(self.client.resources, self.user))[1]}
        items = [{"productId": encode_id("Product", 1), "quantity": 2}]
        cart = {"items": items, "shippingAddress": "1 Main St", "reference": "4711", "expectedTotal": "30.00"}
        known: dict[str, dict[str, Any]] = {
            "Orders": {"after": None},
            "SignIn": {"input": {"email": self.user.email, "password": PASSWORD}},
            "ForgotPassword": {"email": self.user.email},
            "NewPassword": {"current": PASSWORD, "new": "another good one"},
            "NewAddress": {"newEmail": "new@example.com", "password": PASSWORD},
            "PlaceAsShown": {"input": cart},
            "Watch": {"id": order},
            "OrderAndCursor": {"id": order},
            "StockNews": {"id": encode_id("Product", 1)},
            "WhyItFailed": {"id": order},
        }
        return known.get(operation, {})


@pytest.fixture
async def shop(client: Client) -> Shop:
    """A shop with one customer, whose one order is pending."""
    user = await make_user()
    return Shop(client, user, await make_order(user, (await make_product(price=1500), 2)))


def _names(*kinds: OperationType) -> list[str]:
    return [name for name, found in OPERATIONS.items() if found.operation in kinds]


def test_every_operation_has_its_plan() -> None:
    assert set(OPERATIONS) == SIGNED_IN | SIGNED_OUT | ADMINISTRATORS


@pytest.mark.parametrize("name", _names(OperationType.QUERY, OperationType.MUTATION))
async def test_each_operation_is_answered_without_an_error(shop: Shop, name: str) -> None:
    user = shop.user if name in SIGNED_IN else None
    if name in ADMINISTRATORS:
        user = await make_admin()
    variables = await shop.variables(name)
    answer = await shop.client.graphql(print_ast(OPERATIONS[name]), variables, user=user)
    for value in answer.data.values():
        assert value is not None
        if OPERATIONS[name].operation is OperationType.MUTATION:
            assert value["errors"] == []


async def test_the_cost_that_the_page_reckons_is_the_one_that_is_counted(shop: Shop) -> None:
    query = print_ast(OPERATIONS["Orders"])
    answer = await shop.client.rest.post(
        "/graphql",
        json={"query": query, "extensions": {"cost": True}},
        headers=await shop.client.headers(shop.user),
    )
    cost = answer.json()["extensions"]["cost"]["requested"]
    page = (DOCS / "graphql.md").read_text()
    assert (
        f"costs {cost}: 30 for `orders`, `totalCount` and `hasNextPage`, and for each of 20 orders 45" in page
    )
    assert f'"requested": {cost},' in page


def test_links_within_the_documentation_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for file, anchor in re.findall(r"\]\((?!\w+:)([^)#]*)(?:#([^)]+))?\)", prose):
            target = (page.parent / file) if file else page
            assert target.exists(), f"{page.name}: {file}"
            if anchor:
                assert anchor in _anchors(target), f"{page.name}: {file}#{anchor}"


def _anchors(page: Path) -> set[str]:
    """Return what a heading is linked by: its words in lower case, with hyphens between them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", _names(OperationType.SUBSCRIPTION))
async def test_each_subscription_tells_an_order_to_its_end(shop: Shop, name: str) -> None:
    resources, channel = shop.client.resources, order_channel(shop.order.id)
    body = {"query": print_ast(OPERATIONS[name]), "variables": await shop.variables(name)}
    headers = await shop.client.headers(shop.user) | {"Accept": "text/event-stream"}
    async with asyncio.timeout(SECONDS):
        answering = asyncio.create_task(shop.client.rest.post("/graphql", json=body, headers=headers))
        await until(lambda: is_subscribed(resources.redis, channel))
        await process(resources, shop.order.id)
        answer = await answering
    told = [orjson.loads(data) for data in re.findall(r"^data: ?(\{.*\})\r?$", answer.text, re.MULTILINE)]
    assert all("errors" not in event for event in told)
    (last,) = told[-1]["data"].values()
    assert last["status"] == "COMPLETED"
