"""Lookups of viewers go together, and each is as good as one of its own."""

import asyncio
from contextvars import copy_context
from uuid import UUID, uuid4

import pytest
from tortoise import timezone
from tortoise.transactions import in_transaction

from core.resources import Resources
from core.security.tokens import TokenKind
from engine.postgres import declared_columns, record_statements
from graph.resolvers.viewer import user_of_session
from models import Session, User, UserRow
from tests.client import Client
from tests.factories import make_token, make_user

pytestmark = pytest.mark.anyio


async def make_session(resources: Resources, user: User | None = None) -> UUID:
    """Sign somebody in."""
    token = await make_token(resources, user or await make_user())
    return resources.tokens.verify(token, TokenKind.ACCESS).session_id


async def _look_up(session_id: UUID) -> UserRow | None:
    return await user_of_session(session_id)


async def revoke(session_id: UUID) -> None:
    await Session.filter(id=session_id).update(revoked_at=timezone.now())


async def test_the_user_has_all_columns_of_the_model(resources: Resources) -> None:
    user = await make_user()
    await User.filter(id=user.id).update(deleted_at=timezone.now(), is_admin=True, version=7)
    session_id = await make_session(resources, user)
    theirs = (await Session.get(id=session_id).select_related("user")).user
    ours = await user_of_session(session_id)
    assert ours is not None
    for column in declared_columns(UserRow):
        assert getattr(ours, column) == getattr(theirs, column)
    assert ours.created_at.isoformat() == theirs.created_at.isoformat()


async def test_concurrent_lookups_share_a_statement_and_nothing_else(resources: Resources) -> None:
    sessions = [await make_session(resources) for _ in range(5)]
    await revoke(sessions[0])
    asked = [*sessions, *sessions, uuid4()]
    with record_statements() as statements:
        users = await asyncio.gather(*(user_of_session(session_id) for session_id in asked))
    assert len(statements) == 1
    found = [user.id if user else None for user in users]
    assert found == [None, 2, 3, 4, 5, None, 2, 3, 4, 5, None]


async def test_each_of_those_who_ask_records_the_statement(resources: Resources) -> None:
    session_id = await make_session(resources)

    async def count() -> int:
        with record_statements() as statements:
            await user_of_session(session_id)
        return len(statements)

    with record_statements() as statements:
        assert list(await asyncio.gather(count(), count(), count())) == [1, 1, 1]
    assert len(statements) == 1


async def test_a_lookup_after_a_revocation_sees_it_however_many_are_on_their_way(
    resources: Resources,
) -> None:
    for _ in range(10):
        session_id = await make_session(resources)
        ended = asyncio.Event()

        async def look_again_and_again(session_id: UUID = session_id, ended: asyncio.Event = ended) -> None:
            for _ in range(30):
                was_over = ended.is_set()
                user = await user_of_session(session_id)
                assert not (was_over and user)

        async def end(session_id: UUID = session_id, ended: asyncio.Event = ended) -> None:
            await user_of_session(session_id)
            await revoke(session_id)
            ended.set()
            assert await user_of_session(session_id) is None

        await asyncio.gather(end(), *(look_again_and_again() for _ in range(8)))


async def test_a_lookup_inside_a_transaction_sees_what_was_written_there(resources: Resources) -> None:
    session_id = await make_session(resources)
    elsewhere = copy_context()
    async with in_transaction():
        await revoke(session_id)
        assert await user_of_session(session_id) is None
        outside = asyncio.create_task(_look_up(session_id), context=elsewhere)
        assert await outside is not None


async def test_one_who_leaves_does_not_disturb_the_others(resources: Resources) -> None:
    sessions = [await make_session(resources) for _ in range(4)]
    for rounds in range(4):
        tasks = [asyncio.create_task(user_of_session(session_id)) for session_id in sessions]
        for _ in range(rounds):
            await asyncio.sleep(0)
        tasks[0].cancel()
        first, *others = await asyncio.gather(*tasks, return_exceptions=True)
        assert first is None or isinstance(first, UserRow | asyncio.CancelledError)
        assert [isinstance(user, UserRow) and user.id for user in others] == [2, 3, 4]


async def test_requests_at_the_same_time_are_told_apart(client: Client) -> None:
    users = [await make_user() for _ in range(6)]
    tokens = [await make_token(client.resources, user) for user in users]
    await revoke(client.resources.tokens.verify(tokens[0], TokenKind.ACCESS).session_id)
    await User.filter(id=users[1].id).update(is_active=False)
    await User.filter(id=users[2].id).update(deleted_at=timezone.now())
    answers = await asyncio.gather(*(client.graphql("{ me { email } }", token=token) for token in tokens))
    assert [answer.codes for answer in answers[:3]] == [["TOKEN_INVALID"]] * 3
    assert [answer.data["me"]["email"] for answer in answers[3:]] == [user.email for user in users[3:]]
