"""Settings, read from ``TANDEM_*`` environment variables and checked at start.

Every entry point builds one :class:`Settings` and hands it on; nothing reads the environment later.
"""

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from email.utils import parseaddr
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.addresses import (
    header_name,
    listening_place,
    origin,
    owner_address,
    postgres_address,
    redis_address,
    smtp_address,
    web_address,
)
from core.email_addresses import parse_email
from core.secret_files import SUFFIX, read_secret_files
from core.trusted_documents import read_manifest

MINIMUM_SECRET_BYTES = 32
#: Requests a minute in development, where reloads and scripts under work come from one address.
DEVELOPMENT_RATE_LIMIT = 1_000
MAXIMUM_TOKEN_SECONDS = 366 * 24 * 3600
_PREFIX = "TANDEM_"
#: Settings that may stand in a file, whose path is in ``TANDEM_…_FILE``.
SECRETS = (
    "secret_key",
    "previous_secret_keys",
    "database_url",
    "database_owner_url",
    "redis_url",
    "smtp_url",
)


class Environment(StrEnum):
    """Where the process runs; production is the strict one."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SettingsError(Exception):
    """The environment does not describe a system that can run; the message says what to change."""


ForwardedHeader = Literal["X-Forwarded-For", "Forwarded"]
CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The whole configuration of one process; see ``docs/operations.md`` for the prose."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True
    )

    environment: Environment = Environment.DEVELOPMENT
    # Not shown (CWE-532): addresses hold passwords.
    database_url: Annotated[str, AfterValidator(postgres_address)] = Field(
        default="postgres://tandem:tandem@127.0.0.1:5432/tandem", repr=False
    )
    #: The same database for the role that owns its tables; the other address is then that of a role with rows only.
    database_owner_url: Annotated[str, AfterValidator(owner_address)] = Field(default="", repr=False)
    database_pool_size: int = Field(default=20, ge=1, le=500)
    redis_url: Annotated[str, AfterValidator(redis_address)] = Field(
        default="redis://127.0.0.1:6379/0", repr=False
    )
    data_dir: Path = Path("var")

    secret_key: SecretStr = SecretStr("")
    #: Keys that still verify but sign nothing, newest first: how a key is rotated.
    previous_secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    access_token_seconds: int = Field(default=30 * 60, ge=1, le=MAXIMUM_TOKEN_SECONDS)
    refresh_token_seconds: int = Field(default=7 * 24 * 3600, ge=1, le=MAXIMUM_TOKEN_SECONDS)
    #: Seconds after which a session ends, however often it is renewed.
    session_max_seconds: int = Field(default=90 * 24 * 3600, ge=1, le=MAXIMUM_TOKEN_SECONDS)
    password_hash_rounds: int = Field(default=12, ge=4, le=16)
    password_hash_threads: int = Field(default=2, ge=1, le=64)

    #: Requests a minute; 0 is off. In development `load_settings` makes it DEVELOPMENT_RATE_LIMIT unless it is set.
    rate_limit_user: int = Field(default=100, ge=0)
    rate_limit_anonymous: int = Field(default=20, ge=0)
    #: Sign-ins in five minutes that fail; 0 is off. To one account from one address (with ten times as many in all), to
    #: one account from all addresses that have not signed in to it before, and from one address to any accounts.
    sign_in_limit_account: int = Field(default=10, ge=0)
    sign_in_limit_account_total: int = Field(default=100, ge=0)
    sign_in_limit_address: int = Field(default=50, ge=0)
    #: Attempts in five minutes to prove one's password, of one session; 0 is off.
    password_proof_limit: int = Field(default=10, ge=0)
    #: Networks of proxies, and the header in which they say whom they speak for.
    trusted_proxies: CommaSeparated = ()
    trusted_proxies_header: ForwardedHeader = "X-Forwarded-For"
    cors_origins: Annotated[tuple[Annotated[str, AfterValidator(origin)], ...], NoDecode] = ()
    #: Headers that pages of other origins may send, beside those that clients of GraphQL are known to send.
    cors_headers: Annotated[tuple[Annotated[str, AfterValidator(header_name)], ...], NoDecode] = ()
    #: Of an HTTP request's body, and of one message on a WebSocket.
    max_body_bytes: int = Field(default=1_000_000, ge=1_000)
    #: Of a GraphQL answer, and of one event of a subscription.
    max_answer_bytes: int = Field(default=5_000_000, ge=10_000)
    #: Seconds in which a client must take some of what it is sent, or its connection is aborted.
    write_timeout_seconds: float = Field(default=30, gt=0, le=600)
    #: Connections of one address at once to one process, but for those of trusted proxies; 0 is off.
    max_connections_address: int = Field(default=1_000, ge=0)

    #: What one GraphQL document may ask for; ``graph/endpoint/limits.py`` says how it is measured.
    graphql_max_characters: int = Field(default=100_000, ge=100)
    graphql_max_tokens: int = Field(default=2_000, ge=10)
    graphql_max_depth: int = Field(default=17, ge=1, le=100)
    graphql_max_aliases: int = Field(default=30, ge=0)
    graphql_max_fields: int = Field(default=5_000, ge=1)
    graphql_max_cost: int = Field(default=10_000, ge=1)
    graphql_max_values: int = Field(default=10_000, ge=1)
    #: Seconds after which an operation of GraphQL or a request of REST is given up; the second name is the old one.
    deadline_seconds: float = Field(
        default=10,
        gt=0,
        le=60,
        validation_alias=AliasChoices("TANDEM_DEADLINE_SECONDS", "TANDEM_GRAPHQL_DEADLINE_SECONDS"),
    )
    #: Whether the schema is told: introspection, names in messages, "Did you mean". None: not in production.
    graphql_introspection: bool | None = None
    #: Whether every answer shows its cost, and not only to those who ask. None: not in production.
    graphql_show_cost: bool | None = None
    #: Whether a browser that opens the endpoint gets GraphiQL. None: not in production.
    playground: bool | None = None
    trusted_documents: Path | None = None
    graphql_only_trusted: bool = False
    #: Off leaves every operation to graphql-core, which is slower by far: to tell whose fault something is.
    graphql_compile: bool = True
    #: Seconds within which a WebSocket must be initialised.
    websocket_init_seconds: float = Field(default=10, gt=0)
    #: Operations at once on one WebSocket; a page rarely watches more than a dozen things.
    websocket_max_operations: int = Field(default=100, ge=1)
    #: Subscriptions at once of one user in one API process, over all sockets and streams.
    subscriptions_per_user: int = Field(default=200, ge=1)
    #: Messages a second that a WebSocket may send in the long run; four times as many at once.
    websocket_messages_per_second: int = Field(default=50, ge=1)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: Whether ``GET /metrics`` answers; keep it from the outside world.
    metrics: bool = False
    #: What whoever reads them has to send, as ``Authorization: Bearer …``; empty is nothing.
    metrics_token: SecretStr = SecretStr("")
    #: Where a worker answers ``GET /metrics`` while *metrics* is on: address and port. Empty is nowhere.
    worker_metrics: Annotated[str, AfterValidator(listening_place)] = ""
    #: In which folder the processes of this machine tell each other their metrics; `serve` and `worker` make one.
    metrics_dir: Path | None = None

    #: Where mail is handed over; empty is nowhere in production, and the terminal in development.
    smtp_url: SecretStr = SecretStr("")
    mail_from: str = ""
    #: Where the front end is: mails link to it. Without it they show the bare token.
    app_url: Annotated[str, AfterValidator(web_address)] = ""
    #: Mails in an hour that may be asked for: to one recipient, and from one address; 0 is off.
    mail_limit_recipient: int = Field(default=5, ge=0)
    mail_limit_address: int = Field(default=20, ge=0)

    #: Days for which final orders keep their shipping address: after the deletion of their user, and after their own
    #: last change; 0 is for ever.
    deleted_address_days: int = Field(default=30, ge=0, le=36_500)
    address_days: int = Field(default=0, ge=0, le=36_500)

    #: Days for which it is kept who called what. Less than 30 could not tell what nobody uses any more.
    usage_days: int = Field(default=400, ge=31, le=36_500)

    user_directory: Literal["all", "admin"] = "all"
    currency: str = "USD"

    #: Seconds a worker may hold an order before another may take it.
    order_lease_seconds: float = Field(default=30, gt=0, le=86_400)
    #: Seconds after which an order that nobody has taken up is sent to the workers again.
    order_resend_seconds: float = Field(default=10, gt=0, le=86_400)
    #: Seconds between two looks of the sweep for overdue orders.
    sweep_seconds: float = Field(default=5, gt=0, le=86_400)
    #: After so many failed attempts an order is given up. The pause after each doubles, from 2 seconds to ten minutes:
    #: 30 of them take three hours and three quarters.
    order_max_attempts: int = Field(default=30, ge=1, le=100)
    #: Seconds for which a worker leaves an order in each status before the next, so that people can watch and cancel.
    order_pause_seconds: float = Field(default=0, ge=0, le=600)

    @field_validator("previous_secret_keys", "trusted_proxies", "cors_origins", "cors_headers", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: SecretStr) -> SecretStr:
        smtp_address(value.get_secret_value())
        return value

    @field_validator("currency")
    @classmethod
    def _is_currency(cls, value: str) -> str:
        if not re.fullmatch("[A-Z]{3}", value):
            raise ValueError("must be three capital letters, such as USD (ISO 4217)")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network, strict=False)
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, value: str) -> str:
        if value:
            parse_email(parseaddr(value)[1])
        return value

    @model_validator(mode="after")
    def _mail_is_complete(self) -> Self:
        parts = urlsplit(self.smtp_url.get_secret_value())
        if parts.scheme and not self.mail_from:
            raise ValueError("TANDEM_MAIL_FROM must be set where TANDEM_SMTP_URL is")
        if self.environment is Environment.PRODUCTION:
            if parts.scheme == "smtp" and parts.password:
                raise ValueError("TANDEM_SMTP_URL must not send a password without TLS in production")
            if self.app_url.startswith("http:"):
                raise ValueError("TANDEM_APP_URL must be an https:// address in production")
        return self

    @model_validator(mode="after")
    def _pause_is_within_lease(self) -> Self:
        if self.order_pause_seconds >= self.order_lease_seconds:
            raise ValueError("TANDEM_ORDER_PAUSE_SECONDS must be less than TANDEM_ORDER_LEASE_SECONDS")
        return self

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if self.environment is Environment.PRODUCTION:
            for key in self.secrets:
                if len(key.encode()) < MINIMUM_SECRET_BYTES or len(set(key)) < 10:
                    raise ValueError(
                        "TANDEM_SECRET_KEY (and every one of TANDEM_PREVIOUS_SECRET_KEYS) must hold at least "
                        f"{MINIMUM_SECRET_BYTES} random bytes in production; make one: openssl rand -hex 32"
                    )
        return self

    @model_validator(mode="after")
    def _trusted_documents_are_there(self) -> Self:
        if self.graphql_only_trusted and self.trusted_documents is None:
            raise ValueError("TANDEM_GRAPHQL_ONLY_TRUSTED needs TANDEM_TRUSTED_DOCUMENTS")
        try:
            _ = self.manifest
        except ValueError as error:
            raise ValueError(f"TANDEM_TRUSTED_DOCUMENTS: {error}") from None
        return self

    @property
    def migration_address(self) -> tuple[str, str]:
        """The address of the database for the role that owns its tables, and the variable that it is from."""
        if self.database_owner_url:
            return self.database_owner_url, "TANDEM_DATABASE_OWNER_URL"
        return self.database_url, "TANDEM_DATABASE_URL"

    @property
    def worker_metrics_place(self) -> tuple[str, int] | None:
        """The address and the port on which a worker answers ``GET /metrics``; None if it does not."""
        parts = urlsplit(f"//{self.worker_metrics}")
        return (parts.hostname, parts.port) if self.metrics and parts.hostname and parts.port else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys, newest first: the first signs, all of them verify."""
        return tuple(key.get_secret_value() for key in (self.secret_key, *self.previous_secret_keys))

    @property
    def manifest(self) -> Mapping[str, str]:
        """The trusted documents by their ids, read anew each time."""
        return read_manifest(self.trusted_documents) if self.trusted_documents else {}

    @property
    def tells_schema(self) -> bool:
        """True where the schema is no secret."""
        return not self.is_production if self.graphql_introspection is None else self.graphql_introspection

    @property
    def offers_schema(self) -> bool:
        """True where anybody may ask for the schema: also by a document that is not trusted."""
        return self.tells_schema and not self.graphql_only_trusted

    @property
    def shows_cost(self) -> bool:
        """True where every answer shows its cost."""
        return not self.is_production if self.graphql_show_cost is None else self.graphql_show_cost

    @property
    def shows_playground(self) -> bool:
        """True where a browser that opens the GraphQL endpoint gets GraphiQL."""
        return not self.is_production if self.playground is None else self.playground

    @property
    def counts_statements(self) -> bool:
        """Whether every GraphQL answer tells how many SQL statements it took: in development, beside its cost."""
        return not self.is_production and self.shows_cost

    @property
    def is_production(self) -> bool:
        """True where demo data, generated secrets and lenient defaults are refused."""
        return self.environment is Environment.PRODUCTION

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of ``trusted_proxies``, parsed once."""
        return _networks(self.trusted_proxies)


# Not kept in the settings themselves: a copy with other proxies would take the old networks along.
@lru_cache
def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text, strict=False) for text in texts)


def unknown_variables(environment: Iterable[str]) -> dict[str, str | None]:
    """Return the variables that look like settings and are none, each with the name of a setting that is like it.

    Args:
        environment: names of variables.
    """
    known = set()
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [f"{_PREFIX}{field.upper()}"]
        known |= {str(name).removeprefix(_PREFIX) for name in names}
    known |= {f"{name.upper()}{SUFFIX}" for name in SECRETS}
    given = {name.removeprefix(_PREFIX) for name in environment if name.startswith(_PREFIX)}
    like = {name: get_close_matches(name, known, n=1) for name in sorted(given - known)}
    return {_PREFIX + name: _PREFIX + found[0] if found else None for name, found in like.items()}


def load_settings(**overrides: object) -> Settings:
    """Read the environment and the files of secrets that it names, let *overrides* win, and fill in what development
    does without: a secret, low limits.

    Raises:
        SettingsError: a value is missing or wrong; the message names each variable, one to a line.
    """
    try:
        overrides = _read_secrets(overrides) | overrides
    except ValueError as error:
        raise SettingsError(str(error)) from None
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            # An alias is the whole name of the variable.
            parts = [str(part).upper().removeprefix("TANDEM_") for part in problem["loc"][:1]]
            name = "".join(f"TANDEM_{part}" for part in parts)
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {message}" if name else message)
        raise SettingsError("\n".join(lines)) from None
    filled: dict[str, object] = {}
    if not settings.is_production:
        limits = {"rate_limit_user", "rate_limit_anonymous"} - settings.model_fields_set
        filled |= dict.fromkeys(limits, DEVELOPMENT_RATE_LIMIT)
    if not settings.secret_key.get_secret_value():
        filled["secret_key"] = SecretStr(_development_secret(settings.data_dir))
    return settings.model_copy(update=filled)


def _read_secrets(overrides: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that stand in files, but for those that are overridden."""
    variables = {f"{_PREFIX}{name.upper()}": name for name in SECRETS if name not in overrides}
    return {variables[name]: value for name, value in read_secret_files(os.environ, variables).items()}


def _development_secret(data_dir: Path) -> str:
    """Return the secret kept in *data_dir*, made on first use so that sign-ins outlive a restart."""
    path = data_dir / "secret-key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.touch(mode=0o600, exist_ok=False)
        if not (secret := path.read_text().strip()):
            secret = secrets.token_hex(MINIMUM_SECRET_BYTES)
            path.write_text(secret + "\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(
            f"TANDEM_SECRET_KEY is not set and none can be kept in {path}: {reason}."
        ) from None
    return secret
