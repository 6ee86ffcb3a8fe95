"""Clients that public generators make of the OpenAPI document: they compile, and shop at the real service."""

import asyncio
import shutil
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.clients.node import FOLDER, require_packages, run_program, run_tool
from tests.clients.service import ROOT, Service

PYTHON_PROJECT = FOLDER / "openapi_python"
GENERATOR = ROOT / "var" / "openapi-python-client"


@pytest.fixture
def document(service: Service, tmp_path: Path) -> Path:
    """The document, as the service gives it."""
    path = tmp_path / "openapi.json"
    path.write_bytes(httpx.get(f"{service.url}/openapi.json", timeout=30).content)
    return path


async def _run_beside_a_resting_worker(service: Service, *command: str | Path, cwd: Path) -> None:
    async with service.stage():
        await asyncio.to_thread(partial(run_program, *command, cwd=cwd, TANDEM_URL=service.url))


def test_openapi_typescript_makes_what_strict_typescript_accepts(document: Path, service: Service) -> None:
    """That it does not accept everything is shown inside the program: each ``@ts-expect-error`` must be needed."""
    require_packages()
    project = shutil.copytree(FOLDER / "openapi_typescript", document.parent / "project")
    run_tool("openapi-typescript", document, "--output", "v1.ts", cwd=project)
    run_tool("tsc", "--project", ".", cwd=project)
    asyncio.run(_run_beside_a_resting_worker(service, "node", "program.mjs", cwd=project))


def test_openapi_python_client_makes_what_strict_mypy_accepts(document: Path, service: Service) -> None:
    """That it does not accept everything is shown inside the program: each ``type: ignore`` must be needed."""
    installed, lock = GENERATOR / "installed.txt", PYTHON_PROJECT / "requirements.txt"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        pytest.skip("openapi-python-client is not installed: run sh tests/clients/openapi_python/install.sh")
    project = shutil.copytree(PYTHON_PROJECT, document.parent / "project")
    generate = GENERATOR / "bin" / "openapi-python-client", "generate", "--meta", "none"
    run_program(
        *generate,
        *("--path", document, "--output-path", "tandem_v1", "--config", "config.yml", "--fail-on-warning"),
        cwd=project,
    )
    mypy = (
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports",
        "silent",
        "--cache-dir",
        ".mypy_cache",
    )
    run_program(*mypy, "program.py", cwd=project)
    asyncio.run(_run_beside_a_resting_worker(service, sys.executable, "program.py", cwd=project))
