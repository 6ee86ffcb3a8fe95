"""The environment is read once, checked whole, and complained of clearly."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings, SettingsError, load_settings, unknown_variables

STRONG = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without settings of ours."""
    import os

    for name in os.environ:
        if name.startswith("TANDEM_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def complaint(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(f"TANDEM_{name}", value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    return str(refused.value)


def test_development_needs_no_settings_and_keeps_a_secret_of_its_own(tmp_path: Path) -> None:
    first, second = load_settings(), load_settings()
    assert len(first.secret_key.get_secret_value()) >= 64
    assert first.secret_key == second.secret_key
    file = tmp_path / "var" / "secret-key"
    assert file.stat().st_mode & 0o777 == 0o600


def test_limits_of_requests_are_generous_in_development_unless_they_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def limits(**overrides: object) -> tuple[int, int]:
        settings = load_settings(secret_key=STRONG, **overrides)
        return settings.rate_limit_user, settings.rate_limit_anonymous

    assert limits() == (1000, 1000)
    assert limits(environment="production") == (100, 20)
    monkeypatch.setenv("TANDEM_RATE_LIMIT_ANONYMOUS", "20")
    assert limits() == (1000, 20)


def _is_a_file(data: Path) -> None:
    data.touch()


def _holds_a_folder(data: Path) -> None:
    (data / "secret-key").mkdir(parents=True)


def _holds_bytes(data: Path) -> None:
    data.mkdir()
    (data / "secret-key").write_bytes(b"\xff\xfe")


@pytest.mark.parametrize("breaks", [_is_a_file, _holds_a_folder, _holds_bytes])
def test_a_secret_that_cannot_be_kept_is_one_sentence(breaks: Callable[[Path], None], tmp_path: Path) -> None:
    breaks(tmp_path / "var")
    with pytest.raises(SettingsError, match=r"^TANDEM_SECRET_KEY is not set and none can be kept in .*\.$"):
        load_settings()


@pytest.mark.parametrize("secret", ["", "short", "x" * 64, "change me change me"])
def test_production_refuses_to_start_without_a_strong_secret(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    message = complaint(monkeypatch, ENVIRONMENT="production", SECRET_KEY=secret)
    assert "TANDEM_SECRET_KEY" in message
    assert "openssl rand -hex 32" in message
    if secret:
        assert secret not in message


def test_production_looks_at_previous_secrets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    message = complaint(
        monkeypatch, ENVIRONMENT="production", SECRET_KEY=STRONG, PREVIOUS_SECRET_KEYS=f"{STRONG[::-1]},weak"
    )
    assert "TANDEM_PREVIOUS_SECRET_KEYS" in message


def test_production_starts_with_a_strong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_ENVIRONMENT", "production")
    monkeypatch.setenv("TANDEM_SECRET_KEY", STRONG)
    settings = load_settings()
    assert settings.is_production
    assert STRONG not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("DATABASE_URL", "mysql://localhost/tandem"),
        ("DATABASE_URL", "postgres://"),
        ("DATABASE_URL", "postgres://localhost"),
        ("DATABASE_URL", "postgres://tandem:secret@localhost:port/tandem"),
        ("DATABASE_URL", "postgres://tandem:with#and/@localhost/tandem"),
        ("DATABASE_URL", "postgres://localhost/tandem?sslmode=on"),
        ("DATABASE_URL", "postgres://localhost/tandem?sslmode="),
        ("DATABASE_URL", "postgres://localhost/tandem?sslmode=disable&sslmode=require"),
        ("DATABASE_URL", "postgres://localhost/tandem?sslmode=verify-full"),
        ("DATABASE_URL", "postgres://localhost/tandem?sslmode=verify-ca&sslrootcert=/nowhere/ca.crt"),
        ("DATABASE_URL", "postgres://localhost/tandem?sslmode=require&channel_binding=require"),
        ("DATABASE_URL", "postgres://localhost/tandem?ssl=false"),
        ("DATABASE_URL", "postgres://localhost/tandem?pgbouncer=true"),
        ("REDIS_URL", "redis://localhost/0?ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss://localhost/0?ssl_cert_reqs=maybe"),
        ("REDIS_URL", "rediss://localhost/0?timeout=5"),
        ("REDIS_URL", "rediss://localhost/0?ssl_ca_certs=/nowhere/ca.crt"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://localhost:99999/0"),
        ("REDIS_URL", "redis://localhost/zero"),
        ("REDIS_URL", "unix:///run/valkey.sock"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "shop.example"),
        ("CORS_ORIGINS", "https://a.example, https://b.example/"),
        ("CORS_ORIGINS", "https://Shop.example"),
        ("CORS_HEADERS", "*"),
        ("CORS_HEADERS", "X-Tenant: 1"),
        ("CORS_HEADERS", "X-Tenant X-Other"),
        ("SMTP_URL", "smtp://mail.example:port"),
        ("APP_URL", "https://shop.example:port"),
        ("SWEEP_SECONDS", "inf"),
        ("ORDER_MAX_ATTEMPTS", "1000000"),
        ("REFRESH_TOKEN_SECONDS", "99999999999999"),
        ("RATE_LIMIT_USER", "-1"),
        ("RATE_LIMIT_ANONYMOUS", "many"),
        ("USER_DIRECTORY", "some"),
        ("CURRENCY", "dollars"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,nonsense"),
        ("ACCESS_TOKEN_SECONDS", "0"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    message = complaint(monkeypatch, **{name: value})
    assert message.startswith(f"TANDEM_{name}: ")
    assert "pydantic" not in message.lower()
    assert "secret" not in message


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
def test_a_mode_of_tls_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str) -> None:
    authority = tmp_path / "ca.crt"
    authority.touch()
    address = f"postgres://localhost/tandem?sslmode={mode}&sslrootcert={authority}"
    monkeypatch.setenv("TANDEM_DATABASE_URL", address)
    monkeypatch.setenv("TANDEM_REDIS_URL", f"rediss://localhost?ssl_cert_reqs=none&ssl_ca_certs={authority}")
    assert load_settings().database_url == address


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = complaint(monkeypatch, CURRENCY="x", USER_DIRECTORY="y").splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == ["TANDEM_CURRENCY", "TANDEM_USER_DIRECTORY"]


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_CORS_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("TANDEM_CORS_HEADERS", "X-Tenant, x-other,")
    monkeypatch.setenv("TANDEM_TRUSTED_PROXIES", "10.0.0.0/8,::1")
    settings = load_settings(secret_key=STRONG)
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.cors_headers == ("X-Tenant", "x-other")
    assert [str(network) for network in settings.proxy_networks] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize("url", ["postgresql://h/d", "asyncpg://h/d", "postgres://h/d"])
def test_every_name_of_postgresql_is_understood(url: str) -> None:
    values: dict[str, Any] = {"database_url": url, "secret_key": STRONG}
    assert load_settings(**values).database_url == "postgres://h/d"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings(secret_key=STRONG).currency = "EUR"  # type: ignore[misc]


#: Every setting that holds a secret, with one in it.
SECRETS = {
    "SECRET_KEY": f"{STRONG}hidden",
    "PREVIOUS_SECRET_KEYS": f"{STRONG}hidden,hidden{STRONG}",
    "DATABASE_URL": "postgres://tandem:hidden@localhost/tandem",
    "DATABASE_OWNER_URL": "postgres://owner:hidden@localhost/tandem",
    "REDIS_URL": "redis://tandem:hidden@localhost:6379/0",
    "SMTP_URL": "smtps://tandem:hidden@localhost",
}


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"TANDEM_{name}", value)
    monkeypatch.setenv("TANDEM_MAIL_FROM", "shop@example.com")
    settings = load_settings()
    for shown in (settings, settings.model_copy(update={"database_url": SECRETS["DATABASE_URL"]})):
        assert "hidden" not in repr(shown) + str(shown) + f"{shown}" + repr({"settings": shown})
    assert settings.secrets == (f"{STRONG}hidden", f"{STRONG}hidden", f"hidden{STRONG}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://tandem:hidden@localhost/tandem"),
        ("DATABASE_URL", "postgres://tandem:hid/den@localhost:port/tandem"),
        ("DATABASE_OWNER_URL", "mysql://tandem:hidden@localhost/tandem"),
        ("DATABASE_OWNER_URL", "postgres://tandem:hidden@localhost/tandem?sslmode=verify-full"),
        ("REDIS_URL", "redis://tandem:hidden@localhost:port/0"),
        ("REDIS_URL", "redis://tandem:hidden@localhost/zero"),
        ("SMTP_URL", "imap://tandem:hidden@localhost"),
        ("SMTP_URL", "smtp://tandem:hidden@localhost:port"),
    ],
)
def test_no_complaint_shows_a_secret(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    message = complaint(monkeypatch, ENVIRONMENT="production", SECRET_KEY="hidden", **{name: value})
    assert f"TANDEM_{name}: " in message
    assert "hid" not in message


def test_variables_that_are_no_settings_are_found_with_the_nearest_name() -> None:
    given = [
        "TANDEM_RATELIMIT_USER",
        "TANDEM_ELEPHANT",
        "TANDEM_LOG_LEVEL",
        "TANDEM_DEADLINE_SECONDS",
        "TANDEM_GRAPHQL_DEADLINE_SECONDS",  # the old name
        "PATH",
    ]
    assert unknown_variables(given) == {
        "TANDEM_ELEPHANT": None,
        "TANDEM_RATELIMIT_USER": "TANDEM_RATE_LIMIT_USER",
    }
    assert unknown_variables([f"TANDEM_{name.upper()}" for name in Settings.model_fields]) == {}


def test_the_pause_of_workers_is_within_their_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "TANDEM_ORDER_PAUSE_SECONDS must be less than TANDEM_ORDER_LEASE_SECONDS"
    assert complaint(monkeypatch, ORDER_PAUSE_SECONDS="30") == sentence


def test_secrets_may_stand_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {
        "SECRET_KEY": STRONG,
        "PREVIOUS_SECRET_KEYS": f"{STRONG}1,{STRONG}2",
        "DATABASE_URL": "postgres://a:b@db:5432/c",
        "DATABASE_OWNER_URL": "postgres://o:b@db:5432/c",
        "REDIS_URL": "redis://u:p@valkey:6379/0",
        "SMTP_URL": "smtps://u:p@mail.example.com",
    }
    monkeypatch.setenv("TANDEM_MAIL_FROM", "shop@example.com")
    for name, value in values.items():
        monkeypatch.setenv(f"TANDEM_{name}", value)
    expected = load_settings(environment="production")
    for name, value in values.items():
        monkeypatch.delenv(f"TANDEM_{name}")
        (tmp_path / name).write_text(f"{value}\n")
        monkeypatch.setenv(f"TANDEM_{name}_FILE", str(tmp_path / name))
    assert load_settings(environment="production") == expected
    assert expected.secrets[0] == STRONG
    assert not unknown_variables(f"TANDEM_{name}_FILE" for name in values)
    assert load_settings(redis_url="redis://other:6379/0").redis_url == "redis://other:6379/0"


def test_an_empty_file_sets_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "none").write_text("\n")
    monkeypatch.setenv("TANDEM_SMTP_URL_FILE", str(tmp_path / "none"))
    assert load_settings(secret_key=STRONG).smtp_url.get_secret_value() == ""


def test_a_secret_that_is_set_twice_or_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path / "binary", "not text in UTF-8")):
        told = complaint(monkeypatch, SECRET_KEY_FILE=str(path))
        assert told.startswith("TANDEM_SECRET_KEY_FILE: ")
        assert reason in told
    told = complaint(monkeypatch, SECRET_KEY=STRONG)
    assert told == "TANDEM_SECRET_KEY and TANDEM_SECRET_KEY_FILE are both set; set one of them"
    assert STRONG not in told
