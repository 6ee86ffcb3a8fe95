"""Where log lines go and how they look: text for people in development, JSON for machines in production."""

import logging
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from core.log_events import EventRecord
from core.request_id import NO_REQUEST, current_request_id
from core.settings import Settings

#: Seconds within which equal warnings and errors are told once.
FOLD_SECONDS = 10.0
#: Most kinds of records that are remembered at once.
MAX_KINDS = 100
#: What every record has; anything else on a record was given as ``extra`` and belongs into the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


#: What makes a line look like another one, or like several (CWE-117): controls (C0, DEL, C1), separators of lines,
#: controls of direction (Unicode Technical Report 36, section 2.10), and half characters, which are no UTF-8.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escape_controls(text: str) -> str:
    """Return *text* on one line, with the escapes of JSON for what is not to be seen in it."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


#: What PostgreSQL says beside its message: the row that breaks a rule, or the key that is there twice, with whatever
#: of a person stands in it (CWE-532). Up to the line that begins something else.
_DETAIL = re.compile(r"(?:\n|\\n)\s*DETAIL: .*?(?=\n|\\n|$)", re.DOTALL)
#: Loggers of libraries that tell, below this level, what passes through them: arguments, values of statements, frames.
_TELLING_LOGGERS = dict.fromkeys(("taskiq", "tortoise", "uvicorn.error"), "WARNING")


def _without_details(text: str) -> str:
    return _DETAIL.sub("", text) if "DETAIL: " in text else text


#: "Select Graphic Rendition" (ECMA-48, section 8.3.117): red, yellow, green, cyan.
_RED, _YELLOW, _GREEN, _CYAN = "31", "33", "32", "36"
_COLOURS = {"DEBUG": _CYAN, "INFO": _GREEN, "WARNING": _YELLOW, "ERROR": _RED, "CRITICAL": _RED}
#: The first digit of a status of HTTP.
_STATUS_COLOURS = {"1": _CYAN, "2": _GREEN, "3": _CYAN, "4": _YELLOW, "5": _RED}


class TextFormatter(logging.Formatter):
    """Formats records as lines for people; each line of a trace is indented, so that it is no line of its own.

    Args:
        colours: paint the level, and the status of a request (the field ``status``), which the line then has.
    """

    def __init__(self, *, colours: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        self._colours = colours

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line but for the trace."""
        line = escape_controls(_without_details(super().formatMessage(record)))
        return _with_colours(line, record) if self._colours else line

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the trace."""
        trace = _without_details(super().formatException(ei))
        return "\n".join(f"  {escape_controls(line)}" for line in trace.split("\n"))


def _with_colours(line: str, record: logging.LogRecord) -> str:
    level = record.levelname
    line = line.replace(level, _painted(level, _COLOURS.get(level, "0")), 1)
    values = record.fields if isinstance(record, EventRecord) else vars(record)
    status = str(values.get("status", ""))
    before, found, after = line.rpartition(f" {status} ")
    if not status or not found:
        return line
    return f"{before} {_painted(status, _STATUS_COLOURS.get(status[:1], '0'))} {after}"


def _painted(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def _wants_colours(stream: TextIO) -> bool:
    """Tell whether *stream* is a terminal whose user has not asked for none (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class JsonFormatter(logging.Formatter):
    """Formats records as JSON objects, one a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for *record*, with its ``extra`` values and its exception."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if isinstance(record, EventRecord):
            line |= {"message": record.msg, **record.fields}
        else:
            line |= {"message": _without_details(record.getMessage()), **_extra(record)}
        if record.exc_info:
            line["exception"] = _without_details(self.formatException(record.exc_info))
        try:
            written = orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()
        except TypeError:  # half a character, or a number beyond 64 bits
            texts = {name: escape_controls(str(value)) for name, value in line.items() if name != "time"}
            written = orjson.dumps({"time": line["time"]} | texts, option=orjson.OPT_UTC_Z).decode()
        # JSON has escaped C0 already. The same characters again for whoever parses it.
        return written if written.isascii() and "\x7f" not in written else escape_controls(written)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record was given, and the id of the request that it was made for."""
    request_id = current_request_id.get()
    known = {} if request_id == NO_REQUEST else {"request_id": request_id}
    return known | {name: value for name, value in vars(record).items() if name not in _STANDARD}


@dataclass(slots=True)
class _Kind:
    """Records that are equal: how many came after the first, and since when."""

    name: str
    level: int
    message: str
    more: int = 0
    since: float = field(default_factory=time.monotonic)


class FoldingHandler(logging.StreamHandler[TextIO]):
    """Writes warnings and errors that are equal once, and then, after a while, how many more there were.

    Equal are those of a logger that say the same, and those whose exceptions have come the same way, whatever they
    say: one fault in the database would else fill the log with hundreds of equal traces. The line of each request
    (``tandem.requests``, INFO) tells its id and its status all the same.

    Args:
        stream: where to write; standard error if not given.
        seconds: how long a record stands for those that come after it.
    """

    def __init__(self, stream: TextIO | None = None, *, seconds: float = FOLD_SECONDS) -> None:
        super().__init__(stream)
        self._seconds = seconds
        self._kinds: dict[Hashable, _Kind] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*, or count it; the lock of the handler is held (:meth:`logging.Handler.handle`)."""
        if record.levelno < logging.WARNING:
            self._write(record)
            return
        key = _kind_of(record)
        if kind := self._kinds.get(key):
            kind.more += 1
            return
        if len(self._kinds) >= MAX_KINDS:
            self._tell(0)
        self._kinds[key] = _Kind(record.name, record.levelno, record.getMessage())
        super().emit(record)
        if self._timer is None:
            self._start_timer()

    def _write(self, record: logging.LogRecord) -> None:
        """Write a record at once: a line that was kept to be written with others would be lost in a crash.

        What ``StreamHandler.emit`` does, which takes the lock of the handler a second time.
        """
        try:
            self.stream.write(f"{self.format(record)}\n")
            self.stream.flush()
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Write the counts that are due, and stop."""
        with self.lock:  # type: ignore[union-attr]  # a handler has one
            if self._timer is not None:
                self._timer.cancel()
            self._tell(0)
        super().close()

    def _start_timer(self) -> None:
        self._timer = threading.Timer(self._seconds, self._on_timer)
        self._timer.daemon = True
        self._timer.start()

    def _on_timer(self) -> None:
        with self.lock:  # type: ignore[union-attr]  # a handler has one
            self._timer = None
            self._tell(self._seconds)
            if self._kinds:
                self._start_timer()

    def _tell(self, age: float) -> None:
        """Write how often each kind came that is at least so many seconds old, and forget it."""
        before = time.monotonic() - age
        for key, kind in list(self._kinds.items()):
            if kind.since > before:
                continue
            del self._kinds[key]
            if kind.more:
                values = {
                    "name": kind.name,
                    "levelno": kind.level,
                    "levelname": logging.getLevelName(kind.level),
                }
                message = f"{kind.message} (and {kind.more} more like it since)"
                super().emit(logging.makeLogRecord(values | {"msg": message, "repeated": kind.more}))


def _kind_of(record: logging.LogRecord) -> Hashable:
    """Return what equal records have in common."""
    if not record.exc_info or record.exc_info[0] is None:
        return record.name, record.levelno, record.getMessage()
    error_type, _, trace = record.exc_info
    way = tuple((frame.f_code, line) for frame, line in traceback.walk_tb(trace))
    return record.name, record.levelno, str(record.msg), error_type, way


def log_config(settings: Settings) -> dict[str, Any]:
    """Return the ``logging.config.dictConfig`` of a process with these settings."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": JsonFormatter}
            if settings.is_production
            else {"()": TextFormatter, "colours": _wants_colours(sys.stderr)}
        },
        "handlers": {"stderr": {"class": "core.logging.FoldingHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            **{name: {"level": settings.log_level} for name in ("tandem", "engine")},
            **{name: {"level": level} for name, level in _TELLING_LOGGERS.items()},
            # Its warning of a page that was refused names a setting of its own, ours that of Tandem.
            "strawberry.ws": {"level": "ERROR"},
        },
    }


def skip_unused_record_fields() -> None:
    """Leave out of the log records of this process what :class:`JsonFormatter` does not show.

    Source line, thread and process of a record cost more than the rest of a line; the ways to leave them out are
    those of Python's "Logging HOWTO", section "Optimization".
    """
    logging._srcfile = None
    logging.logThreads = False
    logging.logProcesses = False
    logging.logMultiprocessing = False
