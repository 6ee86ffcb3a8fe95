"""Sending together what is asked at about the same time, as databases commit in groups.

A round trip costs about the same for one question as for ten, here and on the server. So while one is on its
way, the questions that come up meanwhile wait for each other, and all of them go in the next one. Under load
batches grow by themselves; an idle process sends each question at once. There is no timer and no setting for how
long to collect.

Requests that are answered together ask again together, and while all of them wait, the process has nothing to do.
Where that counts, a batch takes no more than its part of the :data:`crowd`: while one part waits, another is worked on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


#: Questions that always go together: for fewer, sending apart costs more than waiting does.
LEAST = 3


@dataclass(slots=True)
class Crowd:
    """How many requests are under way in this process, as whoever serves them counts."""

    size: int = 0


crowd = Crowd()


class Coalescer(Generic[K, V]):
    """Asks for many what each asks for alone.

    * **Fresh**: a question joins only a batch that is yet to be sent, so no answer is older than its question.
      What was committed before a question was asked is in its answer, as if it had been sent alone.
    * **Complete**: each question is sent once, in the order of asking, unless whoever asked is gone before it is
      sent. Equal questions are sent as often as they are asked; to merge them is up to *send*.
    * **Apart**: batches are sent by a task of their own, in an empty context. Cancelling one who asks takes
      nothing from the others, and nobody's transaction or request id leaks into a batch.
    * If *send* raises, all who wait for that batch get the same exception; the next batch is sent as usual. An
      exception that it returns in the place of an answer is for that question alone.

    It serves one event loop at a time, and may go on in another one once the first is closed.

    Args:
        send: gets the questions and returns an answer for each, in the same order.
        parts: into how many parts the crowd is split. With one, a batch takes all who wait.
        patience: seconds after which a batch on its way no longer keeps those who wait from being sent beside
            it, when the next question comes: a server that hangs must not hold up what another connection can
            answer. By default there is never more than one on its way.
    """

    def __init__(
        self,
        send: Callable[[list[K]], Awaitable[Sequence[V]]],
        *,
        parts: int = 1,
        patience: float = float("inf"),
    ) -> None:
        self._send = send
        self._parts = parts
        self._patience = patience
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._sender: asyncio.Task[None] | None = None
        #: Kept from being collected: those that were overtaken.
        self._overdue: set[asyncio.Task[None]] = set()
        self._sent_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, question: K) -> V:
        """Return the answer to *question*.

        Raises:
            Exception: whatever *send* raised.
        """
        return await self.ask_soon(question)

    def ask_soon(self, question: K) -> "asyncio.Future[V]":
        """Return what will have the answer to *question*; cancelling it takes the question back."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._waiting, self._sender = loop, [], None
        waiter: asyncio.Future[V] = loop.create_future()
        self._waiting.append((question, waiter))
        if self._sender is None:
            self._start(loop)
        elif loop.time() - self._sent_at > self._patience:
            self._overdue.add(self._sender)
            self._sender.add_done_callback(self._overdue.discard)
            self._start(loop)
        return waiter

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        # It begins in the loop's next round: whatever else arrived in this one goes along.
        self._sent_at = loop.time()
        self._sender = Context().run(loop.create_task, self._send_all(loop))

    async def _send_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send batches until nobody waits, or until somebody else does it."""
        me = asyncio.current_task()
        try:
            while self._waiting and self._sender is me:
                # Rounded up; and those who wait are a crowd, too, where nobody counts requests.
                size = max(LEAST, -(-max(crowd.size, len(self._waiting)) // self._parts))
                batch, self._waiting = self._waiting[:size], self._waiting[size:]
                self._sent_at = loop.time()
                if batch := [pair for pair in batch if not pair[1].done()]:
                    await answer(batch, self._send)
        except asyncio.CancelledError:
            # Only the end of the loop cancels this task. Nobody is coming to answer any more.
            for _, waiter in self._waiting:
                waiter.cancel()
            raise
        finally:
            if self._sender is me:
                self._sender = None


async def answer(
    batch: Sequence[tuple[K, "asyncio.Future[V]"]], send: Callable[[list[K]], Awaitable[Sequence[V]]]
) -> None:
    """Send the questions of *batch* and give everybody their answer, or the exception that *send* raised.

    An exception in the place of an answer is raised to whoever asked that question.
    """
    try:
        answers = await send([question for question, _ in batch])
        pairs = list(zip(batch, answers, strict=True))
    except asyncio.CancelledError:
        for _, waiter in batch:
            waiter.cancel()
        raise
    except Exception as error:
        for _, waiter in batch:
            if not waiter.done():
                waiter.set_exception(error)
        return
    for (_, waiter), given in pairs:
        if waiter.done():
            continue
        if isinstance(given, Exception):
            waiter.set_exception(given)
        else:
            waiter.set_result(given)
