"""What the report writes: targets, sections between markers, and documents that have a place for each of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import documents, profile, report, targets
from benchmarks.load import Result
from benchmarks.report import CHIEF, CONNECTIONS, OTHERS, PEERS, Measured, sections
from benchmarks.rounds import Options, Outcome
from benchmarks.servers import BY_NAME as SERVERS
from benchmarks.servers import USUAL
from benchmarks.workloads import BY_NAME as WORKLOADS
from benchmarks.writes import Measured as Writes

SAMPLES = [
    ("/site-packages/asyncpg/pool.py", "Pool.acquire", 30),
    (f"{documents.ROOT}/rest/v1/a.py", "f", 10),
]
SERVICES = {"PostgreSQL": 0.2, "Valkey": 0.1}


def result(answered: int) -> Result:
    return Result(1.0, answered, 0, 1.0, 2.0, 3.0, 4.0, 0.5, 10_000_000, 0.1, SERVICES)


def outcome(*servers: str, **rates: int) -> Outcome:
    """Return one round of each, with 100 answers where nothing else is said."""
    return {n: {name: [result(rates.get(name, 100))] for name in servers} for n in CONNECTIONS}


def measured(**rates: int) -> Measured:
    main = {name: outcome(*PEERS, report.ALSO, **rates) for name in (CHIEF, *OTHERS)}
    alone = {name: {8: outcome(*servers)[8]} for name, servers in report.ALONE.items()}
    how = Options(1, 1.0, CONNECTIONS, 0.0, 0.0, None, None)
    return Measured(how, main, outcome(*USUAL)[8], alone, {"me": SAMPLES}, None)


def row(table: str, start: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_target_is_met_or_missed_by_the_ratio_where_it_holds() -> None:
    table = targets.table(measured(tandem=150).main, 0.41)
    assert row(table, "`nested-order-list`, Mercurius")[1:] == ["1.60", "1.50", "no"]
    assert row(table, "`me`, Mercurius")[1:] == ["1.00", "1.50", "yes"]
    assert row(table, "placing orders")[1:] == ["0.50", "0.41", "no"]


def test_a_target_of_all_workloads_is_as_good_as_the_worst() -> None:
    main = measured(tandem=150).main
    main["me"][256]["raw-same-duties"] = [result(300)]
    _, _, reached, met = row(targets.table(main, None), "every workload, by hand")
    assert (reached, met) == ("0.50; least at `me`, 256 connections", "no")
    assert row(targets.table(main, None), "every workload, Mercurius")[3] == "yes"


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert row(targets.table({}, None), "`me`, Mercurius")[2:] == ["not measured", ""]


def test_a_section_is_written_between_its_markers_and_nothing_else_is() -> None:
    text = "a\n<!-- measured: one -->\nold\n<!-- /measured -->\nb\n<!-- measured: two -->\nkept\n<!-- /measured -->\n"
    once = documents.fill(text, {"one": "| new \\1 |", "three": "nowhere"})
    assert "old" not in once
    assert once.startswith("a\n<!-- measured: one -->\n\n| new \\1 |\n\n<!-- /measured -->\nb\n")
    assert "\nkept\n" in once
    assert documents.fill(once, {"one": "| new \\1 |"}) == once


def test_documents_have_a_place_for_every_section_and_the_report_fills_each() -> None:
    places = [
        name for file in documents.FILES for name in documents.names((documents.ROOT / file).read_text())
    ]
    assert len(places) == len(set(places))
    made = set(sections(measured()))
    assert set(places) - {"growth", "memory"} == made | {"writes"}


def test_writes_are_told_once_they_are_measured() -> None:
    reads = measured()
    assert "writes" not in sections(reads)
    found = Writes(waited={"followed": [7.0], "watched": [8.0]})
    for compared in (found.placed, found.processed, found.signed_in):
        compared.add(100.0, 200.0)
    told = sections(replace(reads, writes=found))
    assert row(told["writes"], "orders placed")[1:] == ["100", "200", "0.50", "≥ 0.5"]
    assert row(told["targets"], "placing orders")[2:] == ["0.50", "yes"]


def test_the_report_writes_documents_and_plot(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for file in documents.FILES:
        (tmp_path / file).write_text((documents.ROOT / file).read_text())
    documents.write(tmp_path, sections(measured(tandem=321)), "<svg/>")
    assert "321" in (tmp_path / "README.md").read_text()
    assert "3.21" in (tmp_path / "docs/benchmarks.md").read_text()
    assert (tmp_path / documents.PLOT).read_text() == "<svg/>"


def test_readme_shows_the_plot() -> None:
    assert f"]({documents.PLOT})" in (documents.ROOT / "README.md").read_text()
    assert (documents.ROOT / documents.PLOT).read_text().startswith("<svg ")


@pytest.mark.parametrize("workload", [CHIEF, *OTHERS])
def test_peers_of_both_kinds_answer_every_workload_of_the_report(workload: str) -> None:
    for name in PEERS:
        assert set(SERVERS[name].faces) & set(WORKLOADS[workload].faces)
    assert {SERVERS[name].same_duties for name in PEERS if name != "tandem"} == {True, False}


def test_a_profile_tells_the_share_of_packages_and_functions() -> None:
    table = profile.table([*SAMPLES, ("<string>", "made", 40), (f"{documents.ROOT}/app.py", "g", 20)])
    assert row(table, "`asyncpg`")[1:] == ["30.0%"]
    assert row(table, "`rest/v1`")[1:] == ["10.0%"]
    assert row(table, "`made`")[1:] == ["`made at run time`", "40.0%"]
    assert row(table, "`g`")[1:] == ["`app`", "20.0%"]


def test_shares_add_up_to_the_time_that_the_processors_were_busy() -> None:
    assert row(report.shares(measured().main, 64), "`me`") == [
        "`me`",
        "5.000",
        "2.000",
        "1.000",
        "1.000",
        "0.90",
    ]
