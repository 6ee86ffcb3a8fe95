"""``SECURITY.md`` names tests for its promises: they are there."""

import re

from tests.test_layers import ROOT

TEXT = (ROOT / "SECURITY.md").read_text()
#: Everybody of whom the threat model has to say something.
WHO = (
    *("anybody", "another user", "the browser", "the front end's host", "the proxy", "Redis", "PostgreSQL"),
    *("the operator", "an administrator"),
)


def test_every_promise_names_tests_that_exist() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| **")]
    for row in rows:
        _, trusted, promised, tests = row.strip("| ").split(" | ")
        named = re.findall(r"`(tests/[\w/]+\.py)`", tests)
        assert trusted
        assert promised
        assert named, row
        assert [path for path in named if not (ROOT / path).is_file()] == []
    assert all(any(row.startswith(f"| **{who}**") for row in rows) for who in WHO)


def test_every_file_that_is_named_exists() -> None:
    named = re.findall(r"`((?:tests|docs|scripts)/[\w/.-]+)`|\]\(([\w/.-]+)\)", TEXT)
    assert [path for pair in named for path in pair if path and not (ROOT / path).exists()] == []
