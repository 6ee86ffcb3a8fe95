"""``docker-compose.yml``: every setting is passed on, with its own default, and nothing has more rights than it needs.

No container runs here; this is what can be known without one. The schema beside is that of the Compose specification
(github.com/compose-spec/compose-spec), under its own licence.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from core.settings import Settings, load_settings
from tests.test_layers import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api", "worker")
#: Settings that are not passed on, with the reason.
NOT_PASSED = {
    "TANDEM_DATA_DIR": "of development",
    "TANDEM_METRICS_DIR": "made by each command for itself",
    "TANDEM_DATABASE_OWNER_URL": "of the migration alone",
}
WORD = "0123456789abcdef" * 4
MOUNTED = "/run/secrets/"


def variables() -> dict[str, str]:
    """Return the variables of all settings, with the names of the settings."""
    found = {}
    for name, field in Settings.model_fields.items():
        choices: Any = field.validation_alias and getattr(field.validation_alias, "choices")  # noqa: B009
        found[choices[0] if choices else f"TANDEM_{name.upper()}"] = name
    return found


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the secrets, as the script makes it."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run(["sh", ROOT / "scripts" / "make-secrets.sh", folder], check=True)
    return folder


def environment(service: str, secrets: Path) -> dict[str, str]:
    """Return what a service is started with where nothing is set and the script has made the secrets."""
    values = SERVICES[service]["environment"]
    return {
        name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)).replace(MOUNTED, f"{secrets}/")
        for name, value in values.items()
        if value is not None
    }


def test_it_is_what_the_compose_specification_allows() -> None:
    schema = json.loads((ROOT / "tests" / "compose_spec" / "compose-spec.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    validator.validate(COMPOSE)
    for mistake in ({"mem_limits": "1g"}, {"secrets": "secret_key"}, {"cpus": [2]}):
        wrong = COMPOSE | {"services": {"api": SERVICES["api"] | mistake}}
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(wrong)


def test_secrets_are_files_that_their_services_alone_read(secrets: Path) -> None:
    made = {path.name for path in secrets.iterdir()}
    declared = {name: described["file"] for name, described in COMPOSE["secrets"].items()}
    assert declared == {name: f"${{TANDEM_SECRETS:-./secrets}}/{name}" for name in made}
    for service, described in SERVICES.items():
        read = set(re.findall(rf"{MOUNTED}(\w+)", json.dumps(described)))
        assert read == set(described["secrets"]), service
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"\$\{\w*(PASSWORD|KEY|URL)\w*:\?", text)


def test_the_script_keeps_what_is_there_and_lets_nobody_in(secrets: Path) -> None:
    assert secrets.stat().st_mode & 0o777 == 0o700
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    words = [before[name] for name in before if name.endswith(("password", "secret_key"))]
    assert len(set(words)) == len(words) == 5
    assert all(re.fullmatch("[0-9a-f]{64}", word) for word in words)
    subprocess.run(["sh", ROOT / "scripts" / "make-secrets.sh", secrets], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before


@pytest.mark.parametrize("service", OURS)
def test_every_setting_is_passed_on(service: str) -> None:
    passed = {name.removesuffix("_FILE") for name in SERVICES[service]["environment"]}
    assert passed - NOT_PASSED.keys() == variables().keys() - NOT_PASSED.keys()


def test_defaults_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    usual = load_settings(environment="production", secret_key=WORD)
    for name, value in environment("api", secrets).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    differing = {name for name in Settings.model_fields if getattr(settings, name) != getattr(usual, name)}
    assert differing == {"database_url", "redis_url", "secret_key", "worker_metrics"}
    assert settings.secrets == ((secrets / "secret_key").read_text(),)


def test_metrics_are_switched_on_from_outside_and_published_nowhere(secrets: Path) -> None:
    for service in ("api", "worker"):
        assert SERVICES[service]["environment"]["TANDEM_METRICS"] is None
    place = environment("worker", secrets)["TANDEM_WORKER_METRICS"]
    settings = load_settings(worker_metrics=place, metrics=True, secret_key=WORD)
    assert settings.worker_metrics_place == ("0.0.0.0", 9464)
    assert "ports" not in SERVICES["worker"]


def test_only_the_migration_is_the_owner_and_nobody_the_superuser(secrets: Path) -> None:
    for service in OURS:
        address = Path(environment(service, secrets)["TANDEM_DATABASE_URL_FILE"]).read_text()
        assert (
            address == f"postgres://tandem_app:{(secrets / 'app_password').read_text()}@postgres:5432/tandem"
        )
        assert "postgres_password" not in str(SERVICES[service]), service
    owner = Path(environment("migrate", secrets)["TANDEM_DATABASE_OWNER_URL_FILE"]).read_text()
    assert owner == f"postgres://tandem_owner:{(secrets / 'owner_password').read_text()}@postgres:5432/tandem"
    assert "owner" not in (str(SERVICES["api"]) + str(SERVICES["worker"])).lower()


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_has_more_rights_than_it_needs(service: str) -> None:
    described = SERVICES[service]
    assert described["cap_drop"] == ["ALL"]
    assert "cap_add" not in described
    assert described["read_only"] is True
    assert described["security_opt"] == ["no-new-privileges:true"]
    assert all(described[limit] for limit in ("mem_limit", "pids_limit", "cpus"))
    assert all(re.search(r":.*size=.*noexec", place) for place in described["tmpfs"])
    assert not described.get("privileged")
    # The image's own user, or one that is named here.
    assert described.get("user", "root") not in ("root", "0") or service in OURS
    for port in described.get("ports", ()):
        assert "127.0.0.1" in port
