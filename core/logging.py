"""Where log lines go and how they look: text for people in development, JSON for machines in production."""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from core.settings import Settings

#: What every record has; anything else on a record was given as ``extra`` and belongs into the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """Formats records as JSON objects, one a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for *record*, with its ``extra`` values and its exception."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()


def log_config(settings: Settings) -> dict[str, Any]:
    """Return the ``logging.config.dictConfig`` of a process with these settings."""
    text = {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s", "datefmt": "%H:%M:%S"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonFormatter} if settings.is_production else text},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            **{name: {"level": settings.log_level} for name in ("tandem", "engine")},
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
