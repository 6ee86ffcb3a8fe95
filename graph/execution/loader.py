"""Values by key, fetched for everybody who asks in the same turn of the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Batch(Generic[K]):
    """Keys on their way to one fetch, and who waits for it."""

    __slots__ = ("keys", "waiters")

    def __init__(self) -> None:
        self.keys: dict[K, None] = {}
        self.waiters: list[asyncio.Future[None]] = []

    def join(self) -> asyncio.Future[None]:
        """Return what is done when the values are there: a future each, so that who gives up takes nobody along."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        return waiter


class BatchLoader(Generic[K, V]):
    """Fetches values by key: one call of *fetch* for all keys that are asked for in one turn of the loop.

    It is made for sets: :meth:`load_many` costs one future however many keys it is given, where a loader of
    single keys costs one for each. What has been fetched is kept as long as the loader lives, which should be
    one request: a loader that outlives it shows one viewer what another has loaded.

    Args:
        fetch: gets keys, each once, and returns what there is of their values.
        default: the value of a key that *fetch* knows nothing of.
    """

    __slots__ = ("_batch", "_default", "_fetch", "_on_the_way", "_tasks", "_values")

    def __init__(self, fetch: Callable[[list[K]], Awaitable[Mapping[K, V]]], default: V) -> None:
        self._fetch = fetch
        self._default = default
        self._values: dict[K, V] = {}
        self._batch: _Batch[K] | None = None
        self._on_the_way: list[_Batch[K]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self, key: K) -> V:
        """Return the value of one key. Raises whatever *fetch* raises."""
        return (await self.load_many((key,)))[0]

    async def load_many(self, keys: Sequence[K]) -> list[V]:
        """Return the values of *keys*, in their order. Raises whatever *fetch* raises."""
        values = self._values
        missing = [key for key in keys if key not in values] if values else keys
        if missing:
            # All before the first is awaited: a batch that ends meanwhile wakes only those whom it knows.
            waiters = [batch.join() for batch in self._batches(missing)]
            # gather() looks at every error, though it raises but one: asyncio logs those that nobody has seen.
            await (waiters[0] if len(waiters) == 1 else asyncio.gather(*waiters))
        return [values[key] for key in keys]

    def prime(self, key: K, value: V) -> None:
        """Keep a value that is known already."""
        self._values[key] = value

    def _batches(self, missing: Sequence[K]) -> list[_Batch[K]]:
        """Return what fetches the missing keys: batches on their way, and the next one."""
        batches = []
        for batch in self._on_the_way:
            left = [key for key in missing if key not in batch.keys]
            if len(left) < len(missing):
                batches.append(batch)
                missing = left
        if missing:
            if self._batch is None:
                self._batch = _Batch()
                # Tasks that are ready now run before this, and their keys come along.
                asyncio.get_running_loop().call_soon(self._send, self._batch)
            self._batch.keys.update(dict.fromkeys(missing))
            batches.append(self._batch)
        return batches

    def _send(self, batch: _Batch[K]) -> None:
        self._batch = None
        self._on_the_way.append(batch)
        task = asyncio.get_running_loop().create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: _Batch[K]) -> None:
        error: BaseException | None = None
        try:
            found = await self._fetch(list(batch.keys))
            if len(found) < len(batch.keys):
                self._values.update(dict.fromkeys(batch.keys, self._default))
            self._values.update(found)
        except BaseException as raised:
            error = raised
        self._on_the_way.remove(batch)
        for waiter in batch.waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            elif isinstance(error, asyncio.CancelledError):
                waiter.cancel()
            else:
                waiter.set_exception(error)
