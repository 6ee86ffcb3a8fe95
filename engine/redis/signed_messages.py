"""Messages that only those who share a key can make: taskiq's JSON, signed by HMAC-SHA256 (RFC 2104).

On the wire a message is ``<signature>.<seconds since the epoch>.<JSON>``, the signature in hexadecimal digits over all
that comes behind it. Nothing of what is not signed is parsed. Whoever can write to the queue can still send again what
they have read there: for how long a message is good is up to the reader (see :data:`MAX_AGE`).
"""

import hmac
import time
from collections.abc import Callable, Sequence

from taskiq.formatters.json_formatter import JSONFormatter
from taskiq.message import BrokerMessage, TaskiqMessage

#: Label of a task: seconds for which its messages are good, where that is not as long as for others.
MAX_AGE = "max_age"
#: Label of a message that was read: seconds since it was signed.
AGE = "age"


class NotSigned(ValueError):
    """The message has no signature, one by no known key, or was changed after it was signed."""


class SignedFormatter(JSONFormatter):
    """Writes messages that are signed, and reads no others.

    Args:
        keys: the first signs; all of them verify, so that keys can be rotated.
        clock: returns the seconds since the epoch.
    """

    def __init__(self, keys: Sequence[bytes], *, clock: Callable[[], float] = time.time) -> None:
        # Copied for each message: to prepare a key takes longer than to sign.
        self._keyed = [hmac.new(key, digestmod="sha256") for key in keys]
        self._clock = clock

    def dumps(self, message: TaskiqMessage) -> BrokerMessage:
        """Return *message* in the form of the wire."""
        written = super().dumps(message)
        signed = b"%d.%b" % (self._clock(), written.message)
        written.message = b"%b.%b" % (_signature(self._keyed[0], signed), signed)
        return written

    def loads(self, message: bytes) -> TaskiqMessage:
        """Return a message with the label :data:`AGE`.

        Raises:
            NotSigned: it is none of ours; nothing of it was parsed.
            ValueError: it is signed, and no message all the same.
        """
        signature, _, signed = message.partition(b".")
        if not any(hmac.compare_digest(signature, _signature(keyed, signed)) for keyed in self._keyed):
            raise NotSigned("it is not signed by a key of ours, or was changed since")
        seconds, _, body = signed.partition(b".")
        read = super().loads(body)
        read.labels[AGE] = self._clock() - int(seconds)
        return read


def _signature(keyed: hmac.HMAC, signed: bytes) -> bytes:
    mac = keyed.copy()
    mac.update(signed)
    return mac.hexdigest().encode()
