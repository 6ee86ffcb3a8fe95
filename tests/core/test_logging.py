"""Log lines: text in development, one JSON object each in production."""

import io
import logging
import logging.config
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from core.logging import (
    MAX_KINDS,
    FoldingHandler,
    JsonFormatter,
    TextFormatter,
    log_config,
    skip_unused_record_fields,
)
from core.settings import load_settings
from tests.conftest import SECRET
from tests.servers import SECONDS


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream that a logger of its own writes JSON to."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tandem.test")
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)


def test_a_line_is_one_json_object_with_its_extras(stream: io.StringIO) -> None:
    logging.getLogger("tandem.test").warning("Order %d\nwaits", 7, extra={"order_id": 7})
    (line,) = stream.getvalue().splitlines()
    record = orjson.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {"level": "warning", "logger": "tandem.test", "message": "Order 7\nwaits", "order_id": 7}


def test_an_exception_stays_in_its_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("tandem.test").exception("It failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: why" in orjson.loads(line)["exception"]


def painted(message: str, *, level: int = logging.INFO, **extra: str) -> str:
    record = logging.makeLogRecord(
        {"name": "tandem.test", "levelno": level, "levelname": logging.getLevelName(level), "msg": message}
        | extra
    )
    return TextFormatter(colours=True).format(record).partition(" ")[2]


def test_levels_and_statuses_have_colours_on_a_terminal() -> None:
    assert painted("GET /200/200 200 1.0 ms", status="200") == (
        "\x1b[32mINFO\x1b[0m    tandem.test: GET /200/200 \x1b[32m200\x1b[0m 1.0 ms"
    )
    assert "\x1b[33m404\x1b[0m" in painted("GET / 404 1.0 ms", status="404")
    assert "\x1b[31m500\x1b[0m" in painted("GET / 500 1.0 ms", status="500")
    assert painted("\x1b[2J", level=logging.ERROR) == "\x1b[31mERROR\x1b[0m   tandem.test: \\u001b[2J"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "has_colours"),
    [
        (_Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (_Terminal(), {"NO_COLOR": "1"}, False),
        (_Terminal(), {"TERM": "dumb"}, False),
    ],
)
def test_only_a_terminal_that_wants_them_gets_colours(
    stream: io.StringIO, variables: dict[str, str], has_colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config = log_config(load_settings(environment="development", secret_key=SECRET))
    assert config["formatters"]["line"]["colours"] is has_colours


@pytest.mark.parametrize(("environment", "is_json"), [("production", True), ("development", False)])
def test_production_writes_json(environment: str, is_json: bool) -> None:
    config = log_config(load_settings(environment=environment, secret_key=SECRET, log_level="DEBUG"))
    assert (config["formatters"]["line"].get("()") is JsonFormatter) is is_json
    assert config["loggers"]["tandem"]["level"] == "DEBUG"
    logging.config.DictConfigurator(config)


def test_what_no_line_shows_need_not_be_found_out(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing"):
        monkeypatch.setattr(logging, name, getattr(logging, name))

    def line() -> dict[str, object]:
        stream.truncate(0)
        stream.seek(0)
        try:
            raise ValueError("why")
        except ValueError:
            logging.getLogger("tandem.test").exception("It %s", "failed", extra={"order_id": 7})
        record: dict[str, object] = orjson.loads(stream.getvalue())
        assert record.pop("time")
        return record

    before = line()
    skip_unused_record_fields()
    after = line()
    assert after == before


#: What somebody sends to forge a line, to hide one, or to speak to the terminal that shows it (CWE-117, CWE-150).
HOSTILE = [
    *map(chr, (*range(0x20), *range(0x7F, 0xA0))),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "\ud800",
]


def formatted(
    environment: str, path: str, *, extra: dict[str, object] | None = None, exc_info: Any = None
) -> str:
    """Return what the log of such a process gets: exactly as it is written."""
    config = log_config(load_settings(environment=environment, secret_key=SECRET))
    formatter = config["formatters"]["line"]["()"]()
    place = ("tandem.requests", logging.INFO, "", 0)
    record = logging.getLogger().makeRecord(*place, "GET %s 404", (path,), exc_info, extra=extra)
    return str(formatter.format(record))


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize("character", HOSTILE, ids=lambda character: f"U+{ord(character):04X}")
def test_no_line_holds_a_character_that_is_not_to_be_seen(environment: str, character: str) -> None:
    def fail() -> None:
        raise ValueError(f"a{character}b")

    try:
        fail()
    except ValueError:
        exc_info = sys.exc_info()
    line = formatted(environment, f"/a{character}b", extra={"agent": f"a{character}b"})
    trace = formatted(environment, "/", exc_info=exc_info)
    assert character not in line
    assert len(line.splitlines()) == 1
    if environment == "production":
        assert character not in trace
        assert len(trace.splitlines()) == 1
        found = orjson.loads(line)
        shown = "\\ud800" if character == "\ud800" else character
        assert (found["message"], found["agent"]) == (f"GET /a{shown}b 404", f"a{shown}b")
        assert f"ValueError: a{shown}b" in orjson.loads(trace)["exception"]
    else:
        assert f"GET /a\\u{ord(character):04x}b 404" in line
        first, *rest = trace.splitlines()
        assert first.endswith("GET / 404")
        assert all(text.startswith("  ") for text in rest)
        assert character == "\n" or character not in "".join(rest)


def test_what_can_be_seen_is_left_as_it_is() -> None:
    text = "/é/漢字/🙂/\\x1b/\u00a0"
    assert formatted("development", text).endswith(f"tandem.requests: GET {text} 404")
    assert text in orjson.loads(formatted("production", text))["message"]


@contextmanager
def folding(
    seconds: float = 3600.0,
) -> Iterator[tuple[logging.Logger, Callable[[], list[dict[str, object]]]]]:
    """A logger that folds equal records, and what it has written; all counts are told at the end."""
    written = io.StringIO()
    handler = FoldingHandler(written, seconds=seconds)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tandem.folded")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield logger, lambda: [orjson.loads(line) for line in written.getvalue().splitlines()]
    finally:
        logger.removeHandler(handler)
        handler.close()


def fail(logger: logging.Logger, number: int, error: type[Exception] = ValueError) -> None:
    try:
        raise error(number)
    except error:
        logger.exception("Order %d failed", number, extra={"order_id": number})


def test_equal_traces_become_one_with_a_count() -> None:
    with folding() as (logger, lines):
        for number in range(604):
            fail(logger, number)
        fail(logger, 1, KeyError)
        assert [line["message"] for line in lines()] == ["Order 0 failed", "Order 1 failed"]
        assert all("Traceback" in str(line["exception"]) for line in lines())
    *_, last = lines()
    assert last.pop("time")
    assert last == {
        "level": "error",
        "logger": "tandem.folded",
        "message": "Order 0 failed (and 603 more like it since)",
        "repeated": 603,
    }
    assert len(lines()) == 3


@pytest.mark.parametrize(("level", "expected"), [("info", 3), ("warning", 1), ("error", 1)])
def test_equal_warnings_are_told_once_and_other_lines_all(level: str, expected: int) -> None:
    with folding() as (logger, lines):
        for _ in range(3):
            getattr(logger, level)("Redis is %s", "away")
        assert len(lines()) == expected
        getattr(logger, level)("Redis is %s", "back")
        assert len(lines()) == expected + 1


def test_a_count_is_told_when_its_time_is_over_although_nothing_else_is_logged() -> None:
    with folding(0.05) as (logger, lines):
        deadline = time.monotonic() + SECONDS
        while not any("repeated" in line for line in lines()) and time.monotonic() < deadline:
            for number in range(2):
                fail(logger, number)
            time.sleep(0.01)
        assert any("repeated" in line for line in lines())
        # And the fault is shown anew if it goes on.
        shown = len(lines())
        while not any("exception" in line for line in lines()[shown:]) and time.monotonic() < deadline:
            fail(logger, 1)
            time.sleep(0.01)
        assert "Traceback" in str(next(line for line in lines()[shown:] if "exception" in line)["exception"])


def test_what_is_remembered_has_a_bound() -> None:
    with folding() as (logger, lines):
        for number in range(3 * MAX_KINDS):
            logger.warning("Order %d waits", number)
            logger.warning("Order %d waits", number)
    counts = [line for line in lines() if line.get("repeated") == 1]
    assert len(counts) == 3 * MAX_KINDS
    assert len(lines()) == 6 * MAX_KINDS


def test_an_exception_that_was_not_there_and_a_message_that_is_no_text_are_folded_too() -> None:
    with folding() as (logger, lines):
        for _ in range(2):
            logger.error({"a": 1}, exc_info=(None, None, None))
        assert len(lines()) == 1


def test_the_handler_of_a_process_folds() -> None:
    config = log_config(load_settings())
    assert config["handlers"]["stderr"]["class"] == f"{FoldingHandler.__module__}.{FoldingHandler.__name__}"
