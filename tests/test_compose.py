"""``docker-compose.yml``: every setting is passed on, with its own default, and nothing has more rights than it needs.

No container runs here; this is what can be known without one.
"""

import re
from typing import Any

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


def variables() -> dict[str, str]:
    """Return the variables of all settings, with the names of the settings."""
    found = {}
    for name, field in Settings.model_fields.items():
        choices: Any = field.validation_alias and getattr(field.validation_alias, "choices")  # noqa: B009
        found[choices[0] if choices else f"TANDEM_{name.upper()}"] = name
    return found


def environment(service: str) -> dict[str, str]:
    """Return what a service is started with where only the secrets are set."""
    values = SERVICES[service]["environment"]
    return {
        name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", re.sub(r"\$\{\w+:\?.*?\}", WORD, str(value)))
        for name, value in values.items()
        if value is not None
    }


@pytest.mark.parametrize("service", OURS)
def test_every_setting_is_passed_on(service: str) -> None:
    passed = set(SERVICES[service]["environment"])
    assert passed - NOT_PASSED.keys() == variables().keys() - NOT_PASSED.keys()


def test_defaults_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    usual = load_settings(environment="production", secret_key=WORD)
    for name, value in environment("api").items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    differing = {name for name in Settings.model_fields if getattr(settings, name) != getattr(usual, name)}
    assert differing == {"database_url", "redis_url", "worker_metrics"}


def test_metrics_are_switched_on_from_outside_and_published_nowhere() -> None:
    for service in ("api", "worker"):
        assert SERVICES[service]["environment"]["TANDEM_METRICS"] is None
    settings = load_settings(worker_metrics=environment("worker")["TANDEM_WORKER_METRICS"], metrics=True)
    assert settings.worker_metrics_place == ("0.0.0.0", 9464)
    assert "ports" not in SERVICES["worker"]


def test_only_the_migration_is_the_owner_and_nobody_the_superuser() -> None:
    addresses = {service: environment(service) for service in OURS}
    assert all("//tandem_app:" in addresses[service]["TANDEM_DATABASE_URL"] for service in OURS)
    assert [service for service in OURS if "TANDEM_DATABASE_OWNER_URL" in addresses[service]] == ["migrate"]
    for service in OURS:
        assert "POSTGRES_PASSWORD" not in str(SERVICES[service]), service
    assert "OWNER" not in str(SERVICES["api"]) + str(SERVICES["worker"])


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
