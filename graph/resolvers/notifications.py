"""Notifications of changes, for as long as the viewer may get them."""

import asyncio
import time
from collections.abc import AsyncGenerator

from core.errors import TokenExpired
from graph.resolvers.context import Context, look_again
from tasks.events import user_channel


async def while_signed_in(ctx: Context, *channels: str) -> AsyncGenerator[None, None]:
    """Yield at once, and then whenever something is published on one of *channels*.

    The viewer is looked up again each time, so whoever is signed out, disabled, deleted or demoted gets no
    further notifications, and ``ctx.viewer.user`` is as of the event. Close the generator (``contextlib.aclosing``)
    when done with it.

    Raises:
        AuthenticationError: the viewer is not signed in, or not any more; TokenExpired when the time is up.
    """
    session = ctx.require_session()
    async with ctx.resources.events.subscribe(*channels, user_channel(session.user.id)) as events:
        while True:
            # The first time, too: what happened before the subscription was there is published to nobody.
            session.user = (await look_again(ctx)).user
            yield
            try:
                async with asyncio.timeout(session.expires_at - time.time()):
                    event = await anext(events, None)
            except TimeoutError:
                raise TokenExpired from None
            if event is None:  # this process is stopping
                return
