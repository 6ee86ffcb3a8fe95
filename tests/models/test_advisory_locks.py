import ast
from pathlib import Path

from models.advisory_locks import AdvisoryLock

ROOT = Path(__file__).parents[2]


def test_no_other_module_has_a_key_of_its_own() -> None:
    """Two purposes with one key wait for each other: the demo data and the usage counts did."""
    folders = ("core", "dev", "engine", "graph", "models", "rest", "tasks")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 200
    keys = range(min(AdvisoryLock), max(AdvisoryLock) + 100)
    found = {
        file.relative_to(ROOT).as_posix()
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value in keys
    }
    assert found == {"models/advisory_locks.py"}
