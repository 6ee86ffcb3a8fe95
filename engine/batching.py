"""Request coalescing and group commit: what is asked for at about the same time is sent together.

A round trip costs about the same for one request as for ten, here and on the server. So while a batch is in flight,
the requests that come up meanwhile wait, and all of them go in the next one. Under load batches grow by themselves; an
idle process sends each request at once. There is no timer and no setting for how long to collect.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeAlias, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


#: A look for batches that nobody waits for any more is taken so often, while there are any.
UNWANTED_SECONDS = 1.0

_Batch: TypeAlias = Sequence[tuple[Item, "asyncio.Future[Result]"]]


class Batcher(Generic[Item, Result]):
    """Sends many items in one call where each caller submits one.

    * **Fresh**: an item joins only a batch that is yet to be sent, so no result is older than its submission: what
      was committed before is seen, as if the item had been sent alone.
    * **Complete**: each item is sent once, in the order of submission. Equal items are sent as often as they are
      submitted; to merge them is up to *send*.
    * **Isolated**: batches are sent by tasks of their own, in an empty context. Cancelling one caller takes nothing
      from the others, and nobody's transaction or request id leaks into a batch.
    * **Wanted**: a batch in flight whose callers have all been cancelled is cancelled as well, within a second.
    * If *send* raises, all callers of that batch get the same exception; the next batch is sent as usual. An
      exception that it returns in the place of a result is raised to that item's caller alone.

    It serves one event loop at a time, and may go on in another one once the first is closed.

    Args:
        send: gets the items of a batch and returns a result for each, in the same order.
        max_size: most items of one batch; no bound if not given.
        max_in_flight: how many batches may be in flight at once.
        max_wait: seconds after which a batch in flight no longer keeps others from being sent beside it, when the
            next item is submitted: a server that hangs must not hold up what another connection can answer.
        sends_cancelled: whether an item is sent, and its batch carried on with, although its caller was cancelled:
            for work that must be done, rather than for what nobody waits for any more.
    """

    def __init__(
        self,
        send: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        max_size: int | None = None,
        max_in_flight: int = 1,
        max_wait: float = float("inf"),
        sends_cancelled: bool = False,
    ) -> None:
        self._send = send
        self._max_size = max_size
        self._max_in_flight = max_in_flight
        self._max_wait = max_wait
        self._sends_cancelled = sends_cancelled
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        #: The tasks that send, each with the time at which its batch in flight was sent.
        self._senders: dict[asyncio.Task[None] | None, float] = {}
        #: The callers of each batch in flight, and the tasks that were cancelled because no caller was left.
        self._callers: dict[asyncio.Task[None] | None, _Batch[Item, Result]] = {}
        self._unwanted: set[asyncio.Task[None] | None] = set()
        #: One timer for all: a callback for each caller would cost a tenth of what the batch does.
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, item: Item) -> "asyncio.Future[Result]":
        """Return what will have the result of *item*, or the exception that *send* raised for it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._waiting, self._senders = loop, [], {}
            self._callers, self._timer = {}, None
        waiter: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, waiter))
        if self._has_room(loop):
            # It begins in the loop's next round: whatever else is submitted in this one goes along.
            sender = Context().run(loop.create_task, self._send_all(loop))
            self._senders[sender] = loop.time()
        return waiter

    def _has_room(self, loop: asyncio.AbstractEventLoop, me: "asyncio.Task[None] | None" = None) -> bool:
        """Tell whether a batch may be sent: so many others at most are in flight, but for those that hang."""
        overdue = loop.time() - self._max_wait
        busy = sum(sent_at >= overdue for sender, sent_at in self._senders.items() if sender is not me)
        return busy < self._max_in_flight

    async def _send_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send batches until no item waits, or until others do it."""
        me = asyncio.current_task()
        try:
            while self._waiting and self._has_room(loop, me):
                size = self._max_size or len(self._waiting)
                batch, self._waiting = self._waiting[:size], self._waiting[size:]
                self._senders[me] = loop.time()
                if not self._sends_cancelled:
                    batch = [pair for pair in batch if not pair[1].done()]
                if batch:
                    self._watch(me, batch, loop)
                    await self._send_batch(batch, me)
        except asyncio.CancelledError:
            # Only the end of the loop cancels this task. Nobody is coming to answer any more.
            for _, waiter in self._waiting:
                waiter.cancel()
            raise
        finally:
            # Here and not in a callback, which would run later: what is submitted meanwhile would find no room.
            self._senders.pop(me, None)

    def _watch(
        self,
        sender: "asyncio.Task[None] | None",
        batch: "_Batch[Item, Result]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """See to it that the batch is cancelled when no caller is left."""
        if self._sends_cancelled:
            return
        self._callers[sender] = batch
        if self._timer is None:
            self._timer = loop.call_later(UNWANTED_SECONDS, self._cancel_unwanted, loop)

    def _cancel_unwanted(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        for sender, batch in self._callers.items():
            if sender is not None and all(waiter.cancelled() for _, waiter in batch):
                self._unwanted.add(sender)
                sender.cancel()
        if self._callers:
            self._timer = loop.call_later(UNWANTED_SECONDS, self._cancel_unwanted, loop)

    async def _send_batch(self, batch: "_Batch[Item, Result]", sender: "asyncio.Task[None] | None") -> None:
        try:
            results = await self._send([item for item, _ in batch])
            pairs = list(zip(batch, results, strict=True))
        except asyncio.CancelledError:
            if sender is not None and sender in self._unwanted and not sender.uncancel():
                return
            for _, waiter in batch:
                waiter.cancel()
            raise
        except Exception as error:
            for _, waiter in batch:
                if not waiter.done():
                    waiter.set_exception(error)
            return
        finally:
            self._callers.pop(sender, None)
            self._unwanted.discard(sender)
        for (_, waiter), result in pairs:
            _resolve(waiter, result)


def _resolve(waiter: "asyncio.Future[Result]", result: Result) -> None:
    if waiter.done():
        return
    if isinstance(result, Exception):
        waiter.set_exception(result)
    else:
        waiter.set_result(result)
