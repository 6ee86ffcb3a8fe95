"""What a connection of either protocol has: a place among those of its sender, and a time to take what is sent."""

import asyncio

from engine.http.limits import ConnectionLimits

#: Bytes: about 2 kB a second in the 30 seconds of the default.
LEAST_TAKEN = 65_536


class Connection(asyncio.Protocol):
    """Aborts a connection whose client takes nothing of what is sent, so that this need not be kept for it.

    Closing alone waits for the client, for ever (CWE-400): a transport sends first what it has.
    """

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    limits: ConnectionLimits
    #: As :meth:`ConnectionLimits.admit` has returned it.
    sender: str | None = None
    _unsent = 0
    _write_timer: asyncio.TimerHandle | None = None
    _is_lost = False

    def pause_writing(self) -> None:
        """Let nobody write more, and look whether the client takes what there is."""
        super().pause_writing()
        self.require_progress()

    def resume_writing(self) -> None:
        """Let everybody write again: the client has taken nearly all."""
        super().resume_writing()
        self._stop_timer()

    def require_progress(self) -> None:
        """Look from now on whether the client takes what is not sent yet. Needed wherever a transport is closed."""
        # Behind the end of the connection a timer would only keep what is left of it.
        if self._write_timer is None and not self._is_lost:
            self._unsent = self.transport.get_write_buffer_size()
            self._write_timer = self.loop.call_later(self.limits.write_seconds, self._look)

    def _look(self) -> None:
        self._write_timer = None
        left = self.transport.get_write_buffer_size()
        if left and self._unsent - left < LEAST_TAKEN:
            self.transport.abort()
        elif left:
            self.require_progress()

    def _stop_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place of the connection back."""
        self._is_lost = True
        self._stop_timer()
        self.limits.release(self.sender)
        self.sender = None
        super().connection_lost(exc)
