"""The queues of the workers, by the names that people use."""

from enum import StrEnum

from tasks.broker import QUEUE
from tasks.mail import MAIL_QUEUE


class Queue(StrEnum):
    """What workers read messages from."""

    ORDERS = "orders"
    MAIL = "mail"

    @property
    def stream(self) -> str:
        """The key of its stream in Redis."""
        return QUEUE if self is Queue.ORDERS else MAIL_QUEUE
