"""A receiver for tasks whose work has to be done, sooner or later: what fails is delivered again."""

import logging
from typing import Any, cast

from taskiq import AckableMessage
from taskiq.acks import AckController, AcknowledgeType
from taskiq.message import TaskiqMessage
from taskiq.receiver import Receiver
from taskiq.result import TaskiqResult

from engine.redis.pending_entries import Delivery
from engine.redis.stream_broker import StreamBroker

logger = logging.getLogger(__name__)


class TryAgain(Exception):
    """A task cannot do its work now; the text says why, for the log."""


class RedeliveringReceiver(Receiver):
    """taskiq's receiver, but that a message is acknowledged when its task has succeeded, and only then.

    taskiq acknowledges what has failed, too. Here it is put off: it takes none of the slots while it waits, and is
    delivered again after the broker's ``pause``, up to ``max_deliveries`` times, then dead-lettered.

    Args:
        broker: what the messages come from.
        options: those of taskiq's receiver.
    """

    def __init__(self, broker: StreamBroker, **options: Any) -> None:
        super().__init__(broker, ack_type=AcknowledgeType.MANUAL, **options)

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:
        """Run the task of a message, and put the message off if that did not acknowledge it."""
        try:
            await super().callback(message, raise_err)
        finally:
            await cast("Delivery", cast("AckableMessage", message).ack).put_off()

    async def run_task(
        self, target: Any, message: TaskiqMessage, ack_controller: AckController | None = None
    ) -> TaskiqResult[Any]:
        """Run a task, and acknowledge its message if it has done its work."""
        is_put_off = False

        async def run(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_put_off
            try:
                return await target(*args, **kwargs)
            except TryAgain as reason:
                is_put_off = True
                logger.warning("%s will be tried again: %s", message.task_name, reason)

        result = await super().run_task(run, message, ack_controller)
        if ack_controller is not None and not (is_put_off or result.is_err):
            await ack_controller.ack()
        return result
