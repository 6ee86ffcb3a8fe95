"""What is stored of a person is what ``docs/data-protection.md`` lists, and deleting a user leaves nothing of it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from tortoise import timezone
from tortoise.models import Model

import models
from core.email_addresses import EmailNotValidError, read_email
from core.resources import Resources
from core.settings import Settings
from models import IdempotencyKey, OneTimeToken, OrderStatus, Session, TokenPurpose, User
from tests.client import Client
from tests.conftest import TABLES
from tests.factories import PASSWORD, make_admin, make_order, make_product, make_token, make_user
from tests.graph.documents import global_id, mutate

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[1] / "docs" / "data-protection.md").read_text()
#: Rows of the first table, by the column that they are about: what ends it.
PERSONAL = {
    cells[0].strip().strip("`"): cells[-1].strip()
    for line in PAGE.splitlines()
    if re.match(r"\| `\w+\.\w+` \|", line)
    for cells in (line.strip("|").split("|"),)
}
#: The columns of the second one.
IMPERSONAL = [
    f"{table}.{column}"
    for table, columns in re.findall(r"^\| `(\w+)` \| (`.*) \|$", PAGE, re.MULTILINE)
    for column in re.findall(r"`(\w+)`", columns)
]
#: What only the person's rows have, and no other's.
MARK = "zaphod"


async def test_every_column_is_personal_or_not(app: FastAPI) -> None:
    columns = [
        f"{model._meta.db_table}.{column}"
        for model in vars(models).values()
        if isinstance(model, type) and issubclass(model, Model)
        for column in model._meta.fields_db_projection.values()
    ]
    assert sorted([*PERSONAL, *IMPERSONAL]) == sorted(columns)


def test_everything_personal_ends() -> None:
    for column, ending in PERSONAL.items():
        assert ending.startswith("deletion") or "_DAYS`" in ending, column


class Person(NamedTuple):
    """A user with one row of everything that there can be of a person."""

    user: User
    token: str


async def make_person(resources: Resources) -> Person:
    user = await make_user(email=f"{MARK}@example.com", full_name=f"{MARK.title()} Beeblebrox")
    await User.filter(id=user.id).update(recovery_email=f"{MARK}1@example.com")
    await user.refresh_from_db()
    token = await make_token(resources, user)
    soon = timezone.now() + timedelta(hours=1)
    # Of sessions there are live ones, and others.
    for revoked_at in (None, timezone.now()):
        await Session.create(
            id=uuid4(),
            user_id=user.id,
            token_hash=MARK,
            user_agent=MARK,
            address=MARK,
            network=MARK,
            expires_at=soon,
            revoked_at=revoked_at,
        )
    await OneTimeToken.create(
        token_hash=MARK,
        user_id=user.id,
        purpose=TokenPurpose.EMAIL_CHANGE,
        email=f"{MARK}2@example.com",
        expires_at=soon,
    )
    order = await make_order(user, (await make_product(), 1), status=OrderStatus.COMPLETED, reference="4711")
    await IdempotencyKey.create(
        user_id=user.id, key=MARK, request_hash=MARK, order_id=order.id, expires_at=soon
    )
    return Person(user, token)


async def rows(settings: Settings) -> dict[str, list[str]]:
    """Return every row of every table, as a text."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        return {
            table: [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} AS t ORDER BY 1")]
            for table in TABLES
        }
    finally:
        await connection.close()


@pytest.mark.parametrize("way", ["GraphQL", "REST", "SQL"])
async def test_nothing_of_a_deleted_person_is_left(client: Client, way: str) -> None:
    settings, admin = client.resources.settings, await make_admin()
    person = await make_person(client.resources)
    user = person.user
    before = await rows(settings)
    assert len(re.findall(MARK, str(before), re.IGNORECASE)) > 10
    assert user.password_hash in str(before["users"])

    match way:
        case "GraphQL":
            outcome = await mutate(client, "deleteUser", user=admin, id=global_id(user))
            assert outcome["errors"] == []
            assert MARK not in str(outcome).lower()
        case "REST":
            assert (await client.v1("DELETE", f"/users/{user.id}", user=admin)).status_code == 204
        case "SQL":
            await User.filter(id=user.id).update(deleted_at=timezone.now())

    after = await rows(settings)
    assert MARK not in str(after).lower()
    left = await User.get(id=user.id)
    for column, ending in PERSONAL.items():
        table, _, name = column.partition(".")
        if table == "users" and ending.startswith("deletion"):
            assert getattr(left, name) != getattr(user, name), column
    # The books are as they were.
    for table in ("orders", "order_items", "order_events", "stock_movements", "products"):
        assert after[table] == before[table]
    # Doing it again changes nothing.
    await User.filter(id=user.id).update(deleted_at=left.deleted_at)
    assert await rows(settings) == after


async def test_a_tombstone_is_nobodys_account(client: Client) -> None:
    admin, user = await make_admin(), await make_user()
    token = await make_token(client.resources, user)
    await mutate(client, "deleteUser", user=admin, id=global_id(user))
    left = await User.get(id=user.id)
    with pytest.raises(EmailNotValidError):
        read_email(left.email)
    # It costs what any hash costs, and fits nothing.
    for password in (PASSWORD, "", "no one has this password", "Deleted user", left.password_hash):
        assert not await client.resources.passwords.verify(password, left.password_hash)
        body = {"username": left.email, "password": password or "x"}
        assert (await client.v1("POST", "/auth/login", json=body)).status_code == 401
    assert (await client.v1("GET", "/auth/me", token=token)).status_code == 401
    created = await mutate(
        client, "createUser", user=admin, email=left.email, fullName="A", password=PASSWORD
    )
    assert [error["code"] for error in created["errors"]] == ["VALIDATION_ERROR"]


async def test_a_person_gets_everything_that_is_kept_of_them(client: Client) -> None:
    person = await make_person(client.resources)
    (query,) = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)
    answer = await client.graphql(query, token=person.token)
    me: dict[str, Any] = answer.data["me"]
    assert (me["email"], me["fullName"]) == (person.user.email, person.user.full_name)
    assert {session["userAgent"] for session in me["sessions"]} == {"", MARK}
    kept = [(order["shippingAddress"], order["reference"]) for order in me["orders"]["nodes"]]
    assert kept == [("1 Test Street", "4711")]
