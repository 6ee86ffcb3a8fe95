"""What the bench makes of its rounds: medians, ratios, the table, the picture, the file for programs."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import plot
from benchmarks.load import Result, percentile
from benchmarks.results import rates, ratio, summarise, table, write_rates


def result(
    answered: int, *, seconds: float = 2.0, cpu: float = 1.0, peak: int = 0, failed: int = 0
) -> Result:
    return Result(seconds, answered, failed, 1.0, 2.0, 3.0, 4.0, cpu, peak, 0.1)


ROUNDS = {
    "me": {
        "tandem": [result(4_000), result(2_000), result(6_000)],
        "raw": [result(2_000), result(2_000), result(2_000)],
    }
}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1), (0.001, 1), (0.994, 100)]
)
def test_a_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile(range(1, 101), share) == expected


def test_a_percentile_of_few_values_is_one_of_them() -> None:
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([1.0, 2.0], 0.5) == 1.0
    assert percentile([], 0.5) == 0.0


def test_a_summary_holds_medians_and_the_outer_rounds() -> None:
    summary = summarise([result(100, peak=5_000_000), result(400, cpu=4.0, failed=2), result(200, cpu=1.0)])
    assert (summary.rate, summary.lowest, summary.highest) == (100.0, 50.0, 200.0)
    assert summary.cpu_ms == 10.0
    assert summary.peak_mb == 5.0
    assert summary.failed == 2
    assert summary.spread == 1.5


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine was slow in the second round, for both.
    rounds = {"tandem": [result(300), result(30), result(300)], "raw": [result(100), result(10), result(150)]}
    assert ratio(rounds, "raw") == 3.0


def test_there_is_no_ratio_without_both_sides() -> None:
    assert ratio({"raw": [result(1)]}, "raw") is None
    assert ratio({"tandem": [result(1)]}, "raw") is None


def test_the_file_for_programs_maps_workloads_and_servers_to_medians(tmp_path: Path) -> None:
    path = write_rates(tmp_path, ROUNDS)
    assert path == tmp_path / "latest.json"
    assert json.loads(path.read_text()) == {"me": {"tandem": 2000.0, "raw": 1000.0}} == rates(ROUNDS)
    assert list(tmp_path.iterdir()) == [path]


def test_the_table_names_the_fastest_first_and_what_failed() -> None:
    rounds = {"me": ROUNDS["me"] | {"broken": [result(10, failed=3)]}}
    lines = table(rounds, {"tandem": "Ours", "raw": "By hand"}).splitlines()
    rows = [line.split(" | ")[0].strip("| ") for line in lines if line.startswith("| ")][2:]
    assert rows == ["Ours", "By hand", "broken (3 failed!)"]
    assert "| 2.00 |" in next(line for line in lines if "By hand" in line)


def test_the_picture_is_well_formed_and_names_every_server() -> None:
    drawing = plot.draw(ROUNDS, {"raw": "By hand & <quickly>"})
    texts = [
        element.text for element in ElementTree.fromstring(drawing).iter() if element.tag.endswith("text")
    ]
    assert {"tandem", "By hand & <quickly>"} <= set(texts)
