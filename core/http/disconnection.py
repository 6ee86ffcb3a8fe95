"""Work that ends when the client that it is for has gone."""

import asyncio
from contextvars import ContextVar
from typing import TypeVar

from starlette.types import Receive

from core.errors import ServiceUnavailable

T = TypeVar("T")

#: What tells of the disconnection of the request, its body read, that the present task works for; None outside of one.
current_receive: ContextVar[Receive | None] = ContextVar("receive", default=None)


async def while_connected(work: "asyncio.Future[T]") -> T:
    """Return what *work* returns; cancel it when the client of the present request disconnects.

    That is what clients of HTTP do when they give up (RFC 9110 section 9.2.2 leaves it to the server what it makes of
    it). Only for work without which nothing has been changed yet.

    Raises:
        ServiceUnavailable: the client has disconnected; nobody will read this.
        Exception: whatever *work* raises.
    """
    receive = current_receive.get()
    if receive is None:
        return await work
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ServiceUnavailable("The client has disconnected")
        return work.result()
    finally:
        gone.cancel()
        work.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
