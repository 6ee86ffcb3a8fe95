"""Passwords: the form in which they are compared, and bcrypt, off the event loop, with bounded threads and queue."""

import asyncio
import hmac
import os
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import accumulate
from typing import TypeVar

import bcrypt

from core.errors import ServiceUnavailable
from core.http.disconnection import while_connected

T = TypeVar("T")

#: Added to the niceness of the threads that hash; each step is about a quarter less weight (sched(7)).
NICENESS = 10

#: Bytes of UTF-8 of the form in which a password is compared. bcrypt reads no more than 72; a longer password would
#: be cut without a word.
MAX_PASSWORD_BYTES = 72
#: Characters of that form: of bytes, two emoji would have enough (NIST SP 800-63B section 3.1.1.2).
MIN_PASSWORD_CHARACTERS = 8
#: Characters of the longest text that can be composed to 72 bytes: NFC makes one of at most four.
MAX_PASSWORD_CHARACTERS = 4 * MAX_PASSWORD_BYTES

#: Seconds that a hash may have to wait for its turn: what would wait longer is refused (CWE-770).
MAX_WAIT = 2.0
#: At most, rounds of the hash that tells at the start how long one takes; later each tells.
_FIRST_ROUNDS = 7
#: How much the last hash says of how long the next takes, beside those before.
_SMOOTHING = 0.2


def normal_password(text: str) -> str:
    """Return the form in which a password is compared: NFC, with U+0020 for every space (RFC 8265 section 4.2.2).

    So it is the same password on each keyboard and system. What is far too long for a password is returned as it is:
    composing takes quadratic time.
    """
    if text.isascii() or len(text) > MAX_PASSWORD_CHARACTERS:
        return text
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", spaced)


class PasswordHasher:
    """Hashes and checks passwords.

    bcrypt gives up the GIL, so a thread keeps the loop free; the pool is bounded so that a burst of
    sign-ins queues up instead of starving everything else of the processors. Where the system gives each
    thread a niceness of its own (Linux), these leave the processor to the loop whenever it has something to do.
    Nobody waits longer than about ``MAX_WAIT`` for a turn, and who has gone waits no more.

    Args:
        rounds: bcrypt's cost, a power of two.
        threads: how many hashes may run at once.
        key: a secret that all processes share: chooses how long an unknown account takes.
    """

    def __init__(self, *, rounds: int, threads: int, key: str = "") -> None:
        self._rounds = rounds
        self._threads = threads
        self._key = key.encode()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt", initializer=_give_way)
        self._lock = threading.Lock()
        #: Hashes that wait or run.
        self.pending = 0
        #: Of all of them: runs of bcrypt's key schedule, of which one hash takes 2**rounds.
        self._work = 0
        self._seconds_per_unit = 0.0
        first = min(rounds, _FIRST_ROUNDS)
        self._measure(bcrypt.hashpw, b"", bcrypt.gensalt(first), 2**first)
        self.learn_rounds({})

    def learn_rounds(self, accounts: Mapping[int, int]) -> None:
        """Say how many accounts have hashes of so many rounds: unknown ones are verified as if they were of them."""
        counts = sorted(accounts.items()) or [(self._rounds, 1)]
        #: Rounds, and how many accounts have so many or fewer.
        self._accounts = [
            (rounds, up_to)
            for (rounds, _), up_to in zip(counts, accumulate(count for _, count in counts), strict=True)
        ]

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether a hash has other rounds than new ones get."""
        return _rounds_of(password_hash.encode()) != self._rounds

    async def hash(self, password: str) -> str:
        """Return the bcrypt hash of *password* in its normal form, the length of which must have been checked.

        Raises:
            ServiceUnavailable: too many wait already, or the client has gone.
        """
        secret = normal_password(password).encode()
        digest = await self._run(bcrypt.hashpw, secret, bcrypt.gensalt(self._rounds))
        return digest.decode()

    async def verify(self, password: str, password_hash: str | None, *, account: str = "") -> bool:
        """Tell whether *password* fits, in its normal form or as it was typed, as hashes were made of it earlier.

        Without a hash it takes the time that the *account*, in the form that it is looked up by, could have and says
        no, so an unknown email cannot be told from a wrong password by the clock (CWE-208); nor can the form that
        fits, because each is always tried.

        Raises:
            ServiceUnavailable: too many wait already, or the client has gone.
        """
        expected = password_hash.encode() if password_hash else self._decoy(account)
        fits = False
        for form in dict.fromkeys((normal_password(password), password)):
            secret = form.encode()
            matches = await self._run(bcrypt.checkpw, secret[:MAX_PASSWORD_BYTES], expected)
            fits |= matches and len(secret) <= MAX_PASSWORD_BYTES
        return fits and bool(password_hash)

    def _decoy(self, account: str) -> bytes:
        """Return a hash that nothing fits, its rounds chosen by the account: each for as many as really have them."""
        digest = hmac.digest(self._key, b"decoy:" + account.encode(), "sha256")
        point = int.from_bytes(digest) % self._accounts[-1][1]
        rounds = next(rounds for rounds, up_to in self._accounts if point < up_to)
        return bcrypt.gensalt(rounds) + b"." * 31

    async def _run(self, function: Callable[[bytes, bytes], T], secret: bytes, salt: bytes) -> T:
        units = 2 ** _rounds_of(salt)
        with self._lock:
            if self._work * self._seconds_per_unit > MAX_WAIT * self._threads:
                raise ServiceUnavailable("Too many passwords are being checked just now")
            self._work += units
            self.pending += 1
        hashing = self._pool.submit(self._measure, function, secret, salt, units)
        hashing.add_done_callback(lambda _: self._end(units))  # at once if it is cancelled before its turn
        return await while_connected(asyncio.wrap_future(hashing))

    def _measure(self, function: Callable[[bytes, bytes], T], secret: bytes, salt: bytes, units: int) -> T:
        started = time.perf_counter()
        result = function(secret, salt)
        measured = (time.perf_counter() - started) / units
        before = self._seconds_per_unit or measured
        self._seconds_per_unit = before + _SMOOTHING * (measured - before)
        return result

    def _end(self, units: int) -> None:
        with self._lock:
            self._work -= units
            self.pending -= 1

    def close(self) -> None:
        """Let the threads end; hashes in progress finish first."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _rounds_of(salt: bytes) -> int:
    """Return the rounds of a bcrypt hash or salt, ``$2b$12$…``."""
    return int(salt[4:6])


def _give_way() -> None:
    """Make the present thread nicer, where that concerns no other thread (setpriority(2), on Linux)."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # Refused where the process may not change even its own; then it is as it was.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
