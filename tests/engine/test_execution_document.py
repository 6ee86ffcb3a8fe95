"""The examples of ``docs/execution.md`` run, and its table has every name of the package."""

import ast
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import engine.graphql

pytestmark = pytest.mark.anyio

DOCUMENT = (Path(__file__).parents[2] / "docs" / "execution.md").read_text()


async def test_the_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("example")
    # Strawberry looks up names of a class in its module.
    monkeypatch.setitem(sys.modules, "example", module)
    names: dict[str, Any] = vars(module)
    examples = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    for example in examples:
        code = compile(example, "docs/execution.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        done = eval(code, names)
        if inspect.isawaitable(done):
            await done
    assert len(examples) == 2
    assert names["executor"].compiled == 2  # once for itself, and once for who keeps the plan


def test_the_table_has_every_public_name() -> None:
    told = set(re.findall(r"^\| `(\w+)", DOCUMENT, re.MULTILINE))
    assert told == set(engine.graphql.__all__)
