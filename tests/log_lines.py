"""Lines of the log as production writes them."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from core.logging import FoldingHandler, JsonFormatter


class Lines:
    """What a process in production writes to its log from now on."""

    def __init__(self, written: io.StringIO) -> None:
        self._written = written

    @property
    def text(self) -> str:
        """All of it, as it is written."""
        return self._written.getvalue()

    def of(self, logger: str) -> list[dict[str, Any]]:
        """Return the lines of a logger, without the members that every line has, once these are checked."""
        lines = [orjson.loads(line) for line in self.text.splitlines()]
        found = [line for line in lines if line["logger"] == logger]
        for line in found:
            assert line.pop("time").endswith("Z")
            assert line.pop("level") in ("info", "warning", "error")
            del line["logger"]
        return found


@contextmanager
def logged_lines() -> Iterator[Lines]:
    """Collect the lines that Tandem's own loggers write, formatted and folded as in production."""
    written = io.StringIO()
    handler = FoldingHandler(written)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tandem")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield Lines(written)
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
