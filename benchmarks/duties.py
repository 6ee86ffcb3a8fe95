"""Whether a server does what it is said to do besides answering: session, rate limit, log line, limit on bodies.

Asked of every one that is compared as having the same duties as Tandem, before anything is measured, so that none of
them is let off.
"""

import json
import time
from collections.abc import Callable

from benchmarks.asking import Answer, ask
from benchmarks.dataset import FULL
from benchmarks.product import ServiceError
from benchmarks.servers import Running, face_of
from benchmarks.stage import Stage
from benchmarks.workloads import BY_NAME, Viewer, requests_for

HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
#: A window may end between two requests, and a log line may take a moment.
_TRIES, _PAUSE = 20, 0.05


def check_duties(one: Running, on: Stage) -> None:
    """Ask a server a few things that only one with these duties answers so.

    Raises:
        ServiceError: it has left one out; the message says which.
    """
    me = BY_NAME["me"]
    face = face_of(one.server, me)
    if face is None:
        raise ServiceError(f"{one.server.name} cannot be asked who the viewer is.")

    def request(user_id: int) -> str:
        return requests_for(me, face, [Viewer(user_id, on.token(user_id), ())])[0]

    viewer, stranger = request(1), request(FULL.viewers + 1)
    found = {
        "tell who the viewer is": lambda: b"user1@example.com" in ask(one, viewer).body,
        "look up the session: one that does not exist is good": lambda: _is_refused(ask(one, stranger)),
        "count a request in the three headers of the rate limit": lambda: _counts(one, viewer),
        "write a JSON line for a request": lambda: _logs(one, viewer),
        "limit bodies": lambda: ask(one, _too_large(viewer, on.settings.max_body_bytes)).status == 413,
    }
    for duty, check in found.items():
        if not _holds(check):
            raise ServiceError(f"{one.server.name} does not {duty}.")


def _holds(check: Callable[[], bool]) -> bool:
    for _ in range(_TRIES):
        if check():
            return True
        time.sleep(_PAUSE)
    return False


def _is_refused(answer: Answer) -> bool:
    return b"@example.com" not in answer.body


def _counts(one: Running, request: str) -> bool:
    first, second = (ask(one, request).headers for _ in range(2))
    if any(name not in first for name in HEADERS):
        return False
    return int(first[HEADERS[1]]) - int(second[HEADERS[1]]) == 1


def _logs(one: Running, request: str) -> bool:
    before = one.log.stat().st_size
    ask(one, request)
    time.sleep(_PAUSE)
    with one.log.open("rb") as log:
        log.seek(before)
        lines = log.read().splitlines()
    return len(lines) == 1 and isinstance(json.loads(lines[0]), dict)


def _too_large(request: str, limit: int) -> str:
    head, _, _ = request.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    kept = [line for line in lines if not line.startswith("Content-Length")]
    head = "\r\n".join([first.replace("GET", "POST"), *kept, f"Content-Length: {limit + 1}"])
    # It is refused for what it announces.
    return f"{head}\r\n\r\nx"
