"""What the bench makes of its rounds: medians, ratios, the table, the picture, the file for programs."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import plot
from benchmarks.load import Result, percentile
from benchmarks.results import (
    Cell,
    Names,
    matrix,
    processor_time,
    rates,
    ratio,
    summarise,
    table,
    tables,
    tail,
    times,
    write_files,
)


def result(
    answered: int, *, seconds: float = 2.0, cpu: float = 1.0, peak: int = 0, failed: int = 0
) -> Result:
    return Result(seconds, answered, failed, 1.0, 2.0, 3.0, 4.0, cpu, peak, 0.1, {"PostgreSQL": 0.5})


ROUNDS = {
    "me": {
        8: {
            "tandem": [result(4_000), result(2_000), result(6_000)],
            "raw": [result(2_000), result(2_000), result(2_000)],
        },
        64: {
            "tandem": [result(8_000, cpu=4.0)],
            "raw": [result(2_000, cpu=2.0)],
            "raw-same-duties": [result(1_000, cpu=3.0)],
        },
    }
}
NAMES = Names(
    {"tandem": "Ours", "raw": "By hand & <quickly>", "raw-same-duties": "By hand, dutiful"},
    {"tandem", "raw-same-duties"},
)


def cells(text: str) -> list[list[str]]:
    """Return the rows of Markdown tables, without the lines below their heads."""
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


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


def test_the_file_for_programs_maps_workloads_and_servers_to_medians_at_8_connections(tmp_path: Path) -> None:
    write_files(tmp_path, ROUNDS)
    found = json.loads((tmp_path / "latest.json").read_text())
    assert found == {"me": {"tandem": 2000.0, "raw": 1000.0}} == rates(ROUNDS)
    assert rates({"me": {64: ROUNDS["me"][64]}})["me"]["tandem"] == 4000.0
    assert {path.name for path in tmp_path.iterdir()} == {"latest.json", "by-connections.json"}


def test_the_other_file_holds_every_number_of_connections(tmp_path: Path) -> None:
    write_files(tmp_path, ROUNDS)
    found = json.loads((tmp_path / "by-connections.json").read_text())["me"]
    assert list(found) == ["8", "64"]
    assert found["64"]["raw"] | {"rate": 1000.0, "cpu_ms": 1.0, "p99": 3.0} == found["64"]["raw"]
    assert found["64"]["raw"]["services_ms"] == 0.25


def test_a_table_begins_with_the_least_processor_time_and_tells_duties_ratios_and_failures() -> None:
    servers = ROUNDS["me"][64] | {"broken": [result(10, cpu=1.0, failed=3)]}
    head, *rows = cells(table(servers, NAMES))
    assert head[:5] == ["server", "duties", "processor ms/request", "Tandem / it", "requests/s"]
    assert [row[:4] for row in rows] == [
        ["Ours", "the same", "0.500", ""],
        ["By hand & <quickly>", "fewer", "1.000", "4.00"],
        ["By hand, dutiful", "the same", "3.000", "8.00"],
        ["broken (3 failed!)", "fewer", "100.000", "800.00"],
    ]


def test_there_is_a_table_for_each_number_of_connections() -> None:
    told = tables(ROUNDS, NAMES)
    heads = [line for line in told.splitlines() if line.startswith("### ")]
    assert [head.split(":")[0] for head in heads] == ["### me, 8 connections", "### me, 64 connections"]
    assert tables({"me": {1: ROUNDS["me"][8]}}, NAMES).startswith("### me, 1 connection: ")


@pytest.mark.parametrize(
    ("cell", "at_8", "at_64"),
    [
        (processor_time, ["0.250", "", "0.500"], ["0.500", "3.000", "1.000"]),
        (times, ["2,000", "", "2.00"], ["4,000", "8.00", "4.00"]),
        (tail, ["3.0", "", "3.0"], ["3.0", "3.0", "3.0"]),
    ],
)
def test_a_matrix_has_a_row_for_each_number_of_connections(
    cell: Cell, at_8: list[str], at_64: list[str]
) -> None:
    head, *rows = cells(matrix(ROUNDS, ["tandem", "raw-same-duties", "raw"], NAMES, cell))
    assert head == ["workload", "connections", "Ours", "By hand, dutiful", "By hand & <quickly>"]
    # Empty where a server was not measured.
    assert rows == [["`me`", "8", *at_8], ["`me`", "64", *at_64]]


def texts(drawing: str) -> set[str]:
    return {one.text or "" for one in ElementTree.fromstring(drawing).iter() if one.tag.endswith("text")}


def test_the_bars_are_well_formed_and_name_every_server() -> None:
    assert {"Ours", "By hand & <quickly>", "By hand, dutiful"} <= texts(plot.draw(ROUNDS, NAMES))


def test_the_plot_has_two_curves_for_each_server_with_a_point_for_each_number_of_connections() -> None:
    drawing = plot.draw_connections("Lists", ROUNDS["me"], NAMES)
    assert {"Lists", "8", "64", "Ours", "By hand & <quickly>", "By hand, dutiful"} <= texts(drawing)
    curves = [one for one in ElementTree.fromstring(drawing).iter() if one.tag.endswith("polyline")]
    points = sorted(len(one.attrib["points"].split()) for one in curves)
    # One of the three was measured at one number of connections only.
    assert points == [1, 1, 2, 2, 2, 2]


def test_more_answers_are_higher_and_a_longer_tail_is_higher() -> None:
    fast, slow = result(4_000), replace(result(1_000), p99=300.0)
    drawing = plot.draw_connections("", {8: {"tandem": [fast], "raw": [slow]}}, NAMES)
    curves = [one for one in ElementTree.fromstring(drawing).iter() if one.tag.endswith("polyline")]
    its_rate, its_tail, our_rate, our_tail = (float(one.attrib["points"].split(",")[1]) for one in curves)
    assert our_rate < its_rate
    assert its_tail < our_tail


def test_a_peer_with_the_same_duties_has_the_colour_of_the_one_without_and_dashes() -> None:
    drawing = plot.draw_connections("", {64: ROUNDS["me"][64]}, NAMES)
    curves = [one for one in ElementTree.fromstring(drawing).iter() if one.tag.endswith("polyline")]
    dashed = [one for one in curves if "stroke-dasharray" in one.attrib]
    assert len(dashed) == 2
    assert sum(one.attrib["stroke"] == dashed[0].attrib["stroke"] for one in curves) == 4


def test_a_plot_of_nothing_says_so() -> None:
    assert "not measured yet" in texts(plot.draw_connections("Lists", {}, NAMES))


def test_series_are_drawn_from_zero_over_their_time() -> None:
    series = {"API": [(0.0, 100.0), (30.0, 200.0), (60.0, 150.0)], "a < b": []}
    drawing = plot.draw_series("Memory", "MB", "minutes", series)
    assert {"Memory", "MB", "minutes", "API", "a < b", "0", "60", "200"} <= texts(drawing)
    curves = [one for one in ElementTree.fromstring(drawing).iter() if one.tag.endswith("polyline")]
    assert [one.attrib["points"] for one in curves] == ["60.0,176.0 470.0,56.0 880.0,116.0", ""]
