"""Notifications reach a viewer for as long as the sign-in lasts, with the rights of that moment."""

import asyncio
from contextlib import aclosing
from dataclasses import FrozenInstanceError

import pytest
from tortoise import timezone

from core.errors import TokenInvalid
from core.resources import Resources
from graph.resolvers.notifications import while_signed_in
from models import Session, User
from tasks.events import publish_sign_out
from tests.factories import make_admin, make_context_of, make_user

pytestmark = pytest.mark.anyio


async def test_the_viewer_has_the_rights_of_the_moment_of_the_notification(resources: Resources) -> None:
    admin = await make_admin()
    ctx = await make_context_of(resources, admin)
    async with aclosing(while_signed_in(ctx)) as notifications, asyncio.timeout(10):
        await anext(notifications)
        await User.filter(id=admin.id).update(is_admin=False)
        assert ctx.require_user().is_admin
        await publish_sign_out(resources, admin.id)
        await anext(notifications)
        assert not ctx.require_user().is_admin


async def test_notifications_end_with_the_sign_in(resources: Resources) -> None:
    user = await make_user()
    ctx = await make_context_of(resources, user)
    async with aclosing(while_signed_in(ctx)) as notifications, asyncio.timeout(10):
        await anext(notifications)
        await Session.all().update(revoked_at=timezone.now())
        await publish_sign_out(resources, user.id)
        with pytest.raises(TokenInvalid):
            await anext(notifications)


async def test_a_context_is_frozen(resources: Resources) -> None:
    ctx = await make_context_of(resources, await make_user())
    with pytest.raises(FrozenInstanceError):
        ctx.viewer = ctx.viewer  # type: ignore[misc]  # mypy must know, too
