"""Notifications of changes, for as long as the viewer may get them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, nullcontext

from core.errors import RateLimited, TokenExpired
from core.metrics import SUBSCRIPTIONS
from graph.resolvers.context import Context, look_again
from tasks.events import user_channel


async def while_signed_in(ctx: Context, *channels: str) -> AsyncGenerator[None, None]:
    """Yield at once, and then whenever something is published on one of *channels*, if there are any.

    The viewer is looked up again each time, so whoever is signed out, disabled, deleted or demoted gets no
    further notifications, and ``ctx.viewer.user`` is as of the event, as is what is then loaded by ``ctx.loaders``: all
    whom a notification wakes up in this process share its statements. Close the generator (``contextlib.aclosing``)
    when done with it.

    Raises:
        AuthenticationError: the viewer is not signed in, or not any more; TokenExpired when the time is up.
        RateLimited: the user follows too much at once in this process (``subscriptions_per_user``, CWE-770). Who only
            waits for the end of the sign-in, and names no channels, is not counted.
    """
    session = ctx.require_session()
    user_id = session.user.id
    counted = _counted(ctx, user_id) if channels else nullcontext()
    channels = (*channels, user_channel(user_id))
    with counted:
        async with ctx.resources.events.subscribe(*channels) as events:
            while True:
                # The first time, too: what happened before the subscription was there is published to nobody.
                session.user = (await look_again(ctx)).user
                # What was loaded before may have changed since.
                ctx.loaders.clear()
                yield
                try:
                    async with asyncio.timeout(session.expires_at - time.time()):
                        event = await anext(events, None)
                except TimeoutError:
                    raise TokenExpired from None
                if event is None:  # this process is stopping
                    return


@contextmanager
def _counted(ctx: Context, user_id: int) -> Iterator[None]:
    """Count one subscription of a user as long as it lasts."""
    live = ctx.resources.subscriptions
    if live[user_id] >= ctx.resources.settings.subscriptions_per_user:
        raise RateLimited("Too many subscriptions at once")
    live[user_id] += 1
    SUBSCRIPTIONS.inc()
    try:
        yield
    finally:
        SUBSCRIPTIONS.dec()
        live[user_id] -= 1
        if not live[user_id]:
            del live[user_id]
