"""``openapi.json`` under public linters. What they may find has its reason in the configuration."""

import json
import shutil
from pathlib import Path

import pytest
from fastapi import FastAPI

from rest.v1 import routes
from rest.v1.openapi import install_openapi
from tests.clients.node import FOLDER, require_packages, run_tool

#: As in production, and with the examples of the demo.
DOCUMENTS = ("openapi.json", "openapi-demo.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that has both documents and the configuration."""
    require_packages()
    for name in DOCUMENTS:
        app = FastAPI()
        install_openapi(app, routes.routes, demo="demo" in name)
        (tmp_path / name).write_text(json.dumps(app.openapi()))
    shutil.copy(FOLDER / "lint" / "spectral.yaml", tmp_path)
    return tmp_path


def test_redocly_finds_nothing(folder: Path) -> None:
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    options = "--extends=recommended", "--format=json"
    for name in DOCUMENTS:
        found = json.loads(run_tool("redocly", "lint", *options, name, cwd=folder, **quiet))
        assert found["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, found["problems"]


def test_spectral_finds_nothing(folder: Path) -> None:
    run_tool("spectral", "lint", "--ruleset=spectral.yaml", "--fail-severity=hint", *DOCUMENTS, cwd=folder)
