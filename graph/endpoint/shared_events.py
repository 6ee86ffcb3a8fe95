"""Events of subscriptions: each is executed and encoded once for all subscriptions that are equal.

Equal are subscriptions of the same document with the same variables, by the same session of the same user, whose
row is read anew for each of them at each event: whoever has other rights by then shares nothing with those who have
not. What each subscription is checked for (session, rights, bounds) has been checked when it comes here; only what
follows from equal rights is shared, and each transport writes its own envelope around it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from engine.batching import Batcher
from graph.endpoint.messages import Answer, OperationRequest

#: Seconds after which an event does not wait any longer for the one before it.
MAX_WAIT = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one subscription. Equal ones of equal subscriptions have equal answers.

    Args:
        viewer: who gets it, with the rights of this moment.
        source: what the source stream has yielded.
        execute: executes the subscription with it.
    """

    viewer: Hashable
    source: Any
    execute: Callable[[], Coroutine[Any, Any, Answer]] = field(compare=False)
    context: Context = field(default_factory=copy_context, compare=False)


#: Executes the events of equal subscriptions. An event joins no execution that has begun: what that has read may be
#: older than the event.
SharedExecution = Batcher[Event, Answer]


def shared_key(document: str, request: OperationRequest, extensions: dict[str, Any]) -> Hashable:
    """Return what makes subscriptions equal, but for their viewers.

    Args:
        document: its text.
        extensions: what is shown with each answer.
    """
    return document, request.name, repr(request.variables), repr(extensions)


class SharedEvents:
    """The subscriptions of one process, by what makes them equal."""

    def __init__(self) -> None:
        self._live: WeakValueDictionary[Hashable, SharedExecution] = WeakValueDictionary()

    def of(self, subscription: Hashable) -> SharedExecution:
        """Return what executes the events of a subscription; keep it as long as the subscription lives."""
        shared = self._live.get(subscription)
        if shared is None:
            shared = SharedExecution(_execute, max_wait=MAX_WAIT, name="Events of subscriptions")
            self._live[subscription] = shared
        return shared


async def _execute(events: list[Event]) -> list[Answer]:
    distinct = dict.fromkeys(events)
    # In the context of the first that has it, whose request id the log then tells.
    tasks = [asyncio.create_task(event.execute(), context=event.context) for event in distinct]
    answers = dict(zip(distinct, await asyncio.gather(*tasks), strict=True))
    return [answers[event] for event in events]
