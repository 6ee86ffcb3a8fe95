"""Holds ``docs/leaving-v1.md`` to its word: it shows what both APIs answer, and its code in each language runs."""

import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from core.demo_people import ADMIN, CUSTOMER
from core.errors import NotAuthenticated
from core.http.caller import Caller
from core.resources import Resources
from dev.demo import load_demo
from graph.resolvers.context import Anonymous, Context
from rest.v1.twins import TWINS
from tests.clients.node import require_packages
from tests.conftest import empty_tables
from tests.rest.leaving.languages import constant
from tests.rest.leaving.page import PATH, WRITE, page, shown
from tests.rest.leaving.programs import blocks, output_of, run_python, run_typescript
from tests.rest.leaving.shop import told_by_graphql, told_by_v1
from tests.rest.leaving.story import STEPS
from tests.servers import SECONDS, serving

pytestmark = pytest.mark.anyio

PAGE = PATH.read_text()
DOCUMENTED = "http://127.0.0.1:8000"
SIGN_IN = {"username": ADMIN.email, "password": ADMIN.password}
#: What the examples of the traps print, behind that of ids.
TRAPS = ("True", "True", "True", "COMPLETED", "VALIDATION_ERROR", CUSTOMER.email)


@asynccontextmanager
async def sample_shop(
    resources: Resources, superuser: asyncpg.Connection, app: FastAPI
) -> AsyncIterator[str]:
    """Serve a shop that has nothing but the sample data; yields the address."""
    await empty_tables(superuser)
    await resources.redis.flushdb()
    reason = NotAuthenticated()
    await load_demo(Context(resources, Caller(reason, "", "tandem"), Anonymous(reason)))
    async with serving(app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def address(
    resources: Resources, superuser: asyncpg.Connection, app: FastAPI, owns_demo: None
) -> AsyncIterator[str]:
    """Where a shop with the sample data listens."""
    async with sample_shop(resources, superuser, app) as url:
        yield url


def sections() -> dict[str, str]:
    """Return what the page says of each operation."""
    operations = PAGE.partition("## Operation by operation\n")[2].partition("\n## Traps")[0]
    found = re.findall(r"^### [^\n]+\n\n`(\w+)`\.(.*?)(?=^### |\Z)", operations, re.MULTILINE | re.DOTALL)
    return dict(found)


def answers() -> Iterator[tuple[str, str]]:
    """Yield the operations and what GraphQL answers, as the page shows it."""
    for operation, text in sections().items():
        yield operation, blocks(text.partition("<details>")[0], "json")[-1].strip()


def program(language: str, constants: str, printing: str) -> str:
    """Return all code of the page in a language, which prints the answer of each operation."""
    documents = {constant(block): block for block in blocks(PAGE, "graphql")}
    names = {step.name for step in STEPS}
    parts = [constants.format(name=name, text=json.dumps(text)) for name, text in documents.items()]
    for block in blocks(PAGE, language):
        parts.append(block)
        called = re.findall(r"^(?:const )?(\w+) = (?:await )?graphql\(", block, re.MULTILINE)
        parts += [printing.format(name=name) for name in called if name in names]
    return "\n".join(parts)


def check_output(output: str, *traps: str) -> None:
    """Compare what a program has printed with the answers of the page; *traps* print the last lines."""
    lines = output.splitlines()
    assert tuple(lines[len(STEPS) :]) == traps
    for (operation, answer), line in zip(answers(), lines, strict=False):
        (value,) = json.loads(answer)["data"].values()
        assert shown(json.loads(line)) == shown(value), operation


def test_every_operation_has_its_place() -> None:
    assert list(sections()) == [step.operation_id for step in STEPS]
    assert set(sections()) == set(TWINS)
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {
        "http",
        "json",
        "graphql",
        "sh",
        "ts",
        "python",
    }


async def test_the_page_is_up_to_date(
    resources: Resources, superuser: asyncpg.Connection, app: FastAPI, owns_demo: None
) -> None:
    told: list[Any] = []
    for tell in (told_by_v1, told_by_graphql):
        async with (
            sample_shop(resources, superuser, app) as url,
            httpx.AsyncClient(base_url=url, timeout=SECONDS) as http,
        ):
            told.append(await tell(http))
    made = page(PAGE, *told)
    if os.environ.get(WRITE):
        PATH.write_text(made)
    else:
        assert made == PAGE, "write it anew: python -m tests.rest.leaving"


async def test_python(address: str, tmp_path: Path) -> None:
    text = program("python", "{name} = {text}", "print(json.dumps({name}))").replace(DOCUMENTED, address)
    check_output(await run_python(text, tmp_path), "True True", *TRAPS)


async def test_typescript(address: str, tmp_path: Path) -> None:
    require_packages()
    text = program("ts", "const {name} = {text};", "console.log(JSON.stringify({name}));")
    output = await run_typescript(text.replace(DOCUMENTED, address), tmp_path)
    check_output(output, "true true", *(line.lower() if line == "True" else line for line in TRAPS))


async def test_the_documents_can_be_had_at_once(address: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed, so the command cannot be run")
    (command,) = blocks(PAGE.partition("## Operation by operation")[0], "sh")
    command = command.replace(DOCUMENTED, address).replace("python3", sys.executable)
    await output_of("/bin/sh", "-euc", command, cwd=tmp_path)
    names: dict[str, str] = {}
    exec((tmp_path / "documents.py").read_text(), {}, names)
    assert names == {constant(twin.document): twin.document for twin in TWINS.values()}


async def test_curl(address: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed, so the commands cannot be run")
    environment = dict(os.environ)
    async with httpx.AsyncClient(base_url=address, timeout=SECONDS) as http:
        administrator = (await http.post("/api/v1/auth/login", json=SIGN_IN)).json()
    environment["ADMIN_TOKEN"] = administrator["access_token"]
    for operation, expected in answers():
        (command,) = blocks(sections()[operation], "sh")
        output = await output_of("/bin/sh", "-euc", command.replace(DOCUMENTED, address), env=environment)
        assert shown(json.loads(output)) == expected, operation
        environment |= found_in(json.loads(output)["data"])


def found_in(data: Any) -> dict[str, str]:
    """Return variables of the shell for what an answer has made."""
    (payload,) = data.values()
    found = {"TOKEN": payload.get("accessToken"), "REFRESH_TOKEN": payload.get("refreshToken")}
    if "createUser" in data:
        found["USER_ID"] = payload["user"]["id"]
    if "createOrder" in data:
        found["ORDER_ID"] = payload["order"]["id"]
    return {name: text for name, text in found.items() if text}
