"""Log lines: text in development, one JSON object each in production."""

import io
import logging
import logging.config
from collections.abc import Iterator

import orjson
import pytest

from core.logging import JsonFormatter, log_config, skip_unused_record_fields
from core.settings import load_settings
from tests.conftest import SECRET


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
