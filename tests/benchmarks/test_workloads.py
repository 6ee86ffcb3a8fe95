"""What the bench asks for, and of whom."""

import json

import pytest
from graphql import build_schema, parse, validate

from benchmarks.__main__ import parse as parse_options
from benchmarks.servers import ROOT, SERVERS
from benchmarks.workloads import WORKLOADS, Viewer, Workload, requests_for

SCHEMA = build_schema((ROOT / "schema.graphql").read_text())
VIEWERS = [Viewer(1, "one", [9, 8, 7, 6, 5]), Viewer(2, "two", [4, 3, 2, 1])]


@pytest.mark.parametrize(
    "workload", [one for one in WORKLOADS if "graphql" in one.faces], ids=lambda one: one.name
)
def test_documents_are_valid_in_our_schema(workload: Workload) -> None:
    assert validate(SCHEMA, parse(workload.document)) == []


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda one: one.name)
def test_requests_are_whole_and_take_turns_between_viewers(workload: Workload) -> None:
    for face in workload.faces:
        requests = requests_for(workload, face, VIEWERS)
        senders = [request.split("Authorization: Bearer ")[1].split("\r\n")[0] for request in requests]
        assert senders == ["one", "two"] * (len(requests) // 2)
        for request in requests:
            head, _, body = request.partition("\r\n\r\n")
            if head.startswith("POST"):
                assert f"Content-Length: {len(body.encode())}" in head
                assert json.loads(body)["query"]


def test_every_server_answers_something() -> None:
    for server in SERVERS:
        assert any(set(server.faces) & set(workload.faces) for workload in WORKLOADS)


def test_options_that_name_nothing_known_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--servers", "tandem,nobody"])
    assert "nobody" in capsys.readouterr().err


def test_numbers_of_connections_are_a_list_and_eight_unless_told() -> None:
    assert tuple(parse_options([]).connections) == (8,)
    assert tuple(parse_options(["--connections", "64,1, 8"]).connections) == (1, 8, 64)


@pytest.mark.parametrize("given", ["", "0,8", "-1", "8;64", "many"])
def test_what_is_no_list_of_numbers_of_connections_is_refused(given: str) -> None:
    with pytest.raises(SystemExit):
        parse_options([f"--connections={given}"])


def test_quick_is_fewer_and_shorter_unless_told() -> None:
    quick, usual = parse_options(["--quick", "--rounds", "9"]), parse_options([])
    assert quick.rounds == 9
    assert quick.seconds < usual.seconds
    assert set(quick.servers) < set(usual.servers)
