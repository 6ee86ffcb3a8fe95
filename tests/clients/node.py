"""Running what is written in JavaScript: checks of clients against a service, and command-line tools."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.service import SECRET, Service

FOLDER = Path(__file__).parent
PACKAGES = FOLDER / "node_modules"
_LOCK, _INSTALLED = FOLDER / "package-lock.json", PACKAGES / ".installed-lock.json"
TIMEOUT_SECONDS = 60
#: Compilers take seconds, and minutes on a machine that has much else to do.
TOOL_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Outcome:
    """How one check went."""

    name: str
    error: str | None


def require_packages() -> None:
    """Skip the test, with a clear word, where the packages of ``package-lock.json`` are not installed."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed, so no JavaScript client can be tested")
    if not _INSTALLED.exists() or _INSTALLED.read_bytes() != _LOCK.read_bytes():
        pytest.skip("the JavaScript clients are not installed: run sh tests/clients/install.sh")


def names_of_checks(file: str) -> list[str]:
    """Return the names of the checks in *file*, read from its text: collecting tests starts no Node."""
    return re.findall(r"^check\('(.+?)',", (FOLDER / file).read_text(), re.MULTILINE)


async def run_checks(file: str, service: Service) -> list[Outcome]:
    """Run all checks of *file* against *service*, and do to its worker what they ask for."""
    process = await asyncio.create_subprocess_exec(
        "node",
        FOLDER / "run.mjs",
        FOLDER / file,
        stdin=PIPE,
        stdout=PIPE,
        env=os.environ | {"TANDEM_URL": service.graphql_url, "TANDEM_SECRET_KEY": SECRET},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    outcomes = []
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS), service.stage() as stage:
            async for line in process.stdout:
                message = json.loads(line)
                if wish := message.get("stage"):
                    await stage.do(wish)
                    process.stdin.write(b"\n")
                else:
                    outcomes.append(Outcome(**message))
            assert await process.wait() == 0, f"{file} ended early"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return outcomes


def run_tool(name: str, *arguments: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command of one of the packages, which must find nothing to complain about; return what it prints.

    It runs in *cwd*, from where ``node_modules`` leads to the packages.
    """
    link = cwd / "node_modules"
    if not link.exists():
        link.symlink_to(PACKAGES, target_is_directory=True)
    return run_program(PACKAGES / ".bin" / name, *arguments, cwd=cwd, **environment)


def run_program(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program, which must end well; return what it prints."""
    result = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TOOL_TIMEOUT_SECONDS,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
