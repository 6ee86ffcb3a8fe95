"""The figures of ``docs/scaling.md``."""

import json
import re

import pytest

from benchmarks import documents
from benchmarks.meter import MILLISECONDS, Amounts
from benchmarks.scaling import DOCUMENT, READS, RESULTS, filled, needs, sections

TEXT = DOCUMENT.read_text()
FOUND = json.loads(RESULTS.read_text())
COUNTS = ("statements", "writing transactions", "WAL bytes", "Valkey commands", "Valkey bytes")


def test_the_document_is_what_was_measured() -> None:
    assert filled(TEXT, FOUND) == TEXT
    assert set(documents.names(TEXT)) == set(sections(FOUND))


def test_other_figures_make_another_document() -> None:
    other = FOUND | {"hot": {"1": {"1": 12_345.0, "2": 6.0}}}
    assert "| all buy one product | 12,345 | 6 |" in filled(TEXT, other)


def amounts(value: float) -> Amounts:
    return dict.fromkeys((*MILLISECONDS, *COUNTS), value)


@pytest.mark.parametrize(
    ("rate", "busy"), [(10, 10 * (20 * 1 + 3) / 1000), (1_000, 1_000 * (20 * 2 + 4) / 1000)]
)
def test_requests_share_what_they_cost_where_they_are_many(rate: int, busy: float) -> None:
    assert sum(READS.values()) == 20
    found = {
        "reads": {name: {"1": amounts(1), "64": amounts(2)} for name in READS},
        "orders": {"one at a time": amounts(3), "in all": amounts(4)},
    }
    need = needs(found, rate)
    assert need["PostgreSQL ms"] == pytest.approx(busy)
    assert need["WAL bytes"] == pytest.approx(busy * 1000)


def test_processes_are_two_at_least_and_have_room() -> None:
    free = {name: {"1": amounts(0), "64": amounts(0)} for name in READS}
    orders = FOUND["orders"] | {"one at a time": amounts(0), "in all": amounts(3)}
    table = sections(FOUND | {"reads": free, "orders": orders})["arithmetic"]
    (row,) = re.findall(r"^\| API processes.*$", table, flags=re.MULTILINE)
    assert row.split(" | ")[1:] == ["2", "5", "500 |"]


def test_what_is_named_is_there() -> None:
    for name in re.findall(r"`((?:tests|benchmarks|models|tasks|graph|engine)/[\w/]+\.py)(?::\w+)?`", TEXT):
        assert (documents.ROOT / name).is_file(), name
