"""Passwords: the form in which they are compared, and bcrypt, off the event loop and in a bounded number of threads."""

import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import bcrypt

T = TypeVar("T")

#: Added to the niceness of the threads that hash; each step is about a quarter less weight (sched(7)).
NICENESS = 10

#: Bytes of UTF-8 of the form in which a password is compared. bcrypt reads no more than 72; a longer password would
#: be cut without a word.
MAX_PASSWORD_BYTES = 72
MIN_PASSWORD_BYTES = 8
#: Characters of the longest text that can be composed to 72 bytes: NFC makes one of at most four.
_MAX_COMPOSED = 4 * MAX_PASSWORD_BYTES


def normal_password(text: str) -> str:
    """Return the form in which a password is compared: NFC, with U+0020 for every space (RFC 8265 section 4.2.2).

    So it is the same password on each keyboard and system. What is far too long for a password is returned as it is:
    composing takes quadratic time.
    """
    if text.isascii() or len(text) > _MAX_COMPOSED:
        return text
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", spaced)


class PasswordHasher:
    """Hashes and checks passwords.

    bcrypt gives up the GIL, so a thread keeps the loop free; the pool is bounded so that a burst of
    sign-ins queues up instead of starving everything else of the processors. Where the system gives each
    thread a niceness of its own (Linux), these leave the processor to the loop whenever it has something to do.

    Args:
        rounds: bcrypt's cost, a power of two.
        threads: how many hashes may run at once.
    """

    def __init__(self, *, rounds: int, threads: int) -> None:
        self._rounds = rounds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt", initializer=_give_way)
        self._decoy = bcrypt.hashpw(b"no one has this password", bcrypt.gensalt(rounds))

    async def hash(self, password: str) -> str:
        """Return the bcrypt hash of *password* in its normal form, the length of which must have been checked."""
        secret = normal_password(password).encode()
        digest = await self._run(bcrypt.hashpw, secret, bcrypt.gensalt(self._rounds))
        return digest.decode()

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether *password* fits, in its normal form or as it was typed, as hashes were made of it earlier.

        Without a hash it takes the same time and says no, so an unknown email cannot be told from a wrong password by
        the clock; nor can the form that fits, because each is always tried.
        """
        expected = password_hash.encode() if password_hash else self._decoy
        fits = False
        for form in dict.fromkeys((normal_password(password), password)):
            secret = form.encode()
            matches = await self._run(bcrypt.checkpw, secret[:MAX_PASSWORD_BYTES], expected)
            fits |= matches and len(secret) <= MAX_PASSWORD_BYTES
        return fits and password_hash is not None

    async def _run(self, function: Callable[[bytes, bytes], T], secret: bytes, salt: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, secret, salt)

    def close(self) -> None:
        """Let the threads end; hashes in progress finish first."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _give_way() -> None:
    """Make the present thread nicer, where that concerns no other thread (setpriority(2), on Linux)."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # Refused where the process may not change even its own; then it is as it was.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
