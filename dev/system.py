"""``tandem dev``: the whole system in one terminal."""

import asyncio
import http.client
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from core.counted import counted
from core.demo_people import DEMO_PEOPLE
from core.http.listening import bind
from core.service_errors import ServiceError
from core.settings import Settings, load_settings, unknown_variables
from dev.locks import FolderLock, LockHeldError
from dev.postgres import EmbeddedPostgres
from dev.roles import prepare_roles
from dev.supervisor import StopRequested, Supervisor
from dev.valkey import EmbeddedValkey

API_GRACE_SECONDS = 15.0
WORKER_GRACE_SECONDS = 30.0
_READY_SECONDS = 60.0
_DEMO_MARKER = "demo-loaded"
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how to reach what listens everywhere


@dataclass(frozen=True)
class Development:
    """What ``tandem dev`` was asked to do.

    Attributes:
        host: address that the API listens on.
        port: its port.
        workers: API processes.
        slow: seconds for which workers leave an order in each status; None leaves it to the environment.
        say: prints one line.
    """

    host: str
    port: int
    workers: int
    slow: float | None
    say: Callable[[str], None]


def run(plan: Development) -> None:
    """Run databases, API and worker until a signal comes; then stop them in order and return.

    Raises:
        ServiceError: something cannot start, or ended by itself.
        SettingsError: the environment is wrong.
    """
    pause = {} if plan.slow is None else {"order_pause_seconds": plan.slow}
    settings = load_settings(**pause)
    folder = settings.data_dir.resolve()
    lock = FolderLock(folder / "dev.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except LockHeldError as held:
        raise ServiceError(
            f"tandem dev is already running for {folder} (process {held.holder}): stop it first, "
            "or choose another folder with TANDEM_DATA_DIR."
        ) from None
    except OSError as error:
        raise ServiceError(f"Cannot use the folder {folder}: {error.strerror}.") from None
    try:
        for listener in bind(plan.host, plan.port):
            listener.close()
        _supervise(plan, settings, folder)
    finally:
        lock.release()


def _supervise(plan: Development, settings: Settings, folder: Path) -> None:
    with Supervisor(plan.say) as supervisor, suppress(StopRequested), ExitStack() as running:
        try:
            settings, embedded = _start_servers(plan, settings, folder, supervisor, running)
            environment = {
                # Each child would warn again of variables that are no settings.
                **{name: os.environ[name] for name in os.environ.keys() - unknown_variables(os.environ)},
                # They are told to be what they are, and have no use for the owner of the tables.
                "TANDEM_ENVIRONMENT": settings.environment.value,
                "TANDEM_DATABASE_URL": settings.database_url,
                "TANDEM_DATABASE_OWNER_URL": "",
                "TANDEM_REDIS_URL": settings.redis_url,
                "TANDEM_DATA_DIR": str(folder),
                "TANDEM_ORDER_PAUSE_SECONDS": str(settings.order_pause_seconds),
            }
            _start_api(plan, supervisor, environment)
            applied = _migrate(plan, settings)
            as_owner = environment | {"TANDEM_DATABASE_OWNER_URL": settings.database_owner_url}
            _load_demo(plan, supervisor, as_owner, folder, is_new=embedded or _is_first(applied))
            _start_worker(plan, supervisor, environment)
            plan.say(_banner(plan, settings, folder))
            supervisor.wait()
        finally:
            # First of all, so that API and worker are gone before their databases, and no second Ctrl-C
            # reaches the stopping of these.
            plan.say("Stopping …")
            supervisor.stop()
    plan.say("Stopped; the data are kept.")


def _start_servers(
    plan: Development, settings: Settings, folder: Path, supervisor: Supervisor, running: ExitStack
) -> tuple[Settings, bool]:
    """Start what the environment does not name; return complete settings, and whether PostgreSQL is ours."""
    embedded = "TANDEM_DATABASE_URL" not in os.environ
    if embedded:
        plan.say("Starting PostgreSQL …")
        postgres = running.enter_context(EmbeddedPostgres(folder / "postgres", say=plan.say))
        supervisor.guard("PostgreSQL", lambda: postgres.alive)
        addresses = asyncio.run(prepare_roles(postgres.url()))
        settings = settings.model_copy(
            update={"database_url": addresses.app, "database_owner_url": addresses.owner}
        )
    if "TANDEM_REDIS_URL" not in os.environ:
        plan.say("Starting Valkey …")
        valkey = running.enter_context(EmbeddedValkey(folder / "valkey", say=plan.say))
        supervisor.guard("Valkey", lambda: valkey.alive)
        settings = settings.model_copy(update={"redis_url": valkey.url()})
    return settings, embedded


def _migrate(plan: Development, settings: Settings) -> list[str]:
    plan.say("Checking the database schema …")
    # Imported here, where the servers have started and the API imports its own modules meanwhile.
    from models.migrate import migrate

    applied = asyncio.run(migrate(settings))
    for name in applied:
        plan.say(f"  applied {name}")
    return applied


def _is_first(applied: list[str]) -> bool:
    # aerich numbers its migrations from 0: that one among them means that the database was empty.
    return any(name.startswith("0_") for name in applied)


def _load_demo(
    plan: Development, supervisor: Supervisor, environment: dict[str, str], folder: Path, *, is_new: bool
) -> None:
    """Load sample data once, into our own database or into one that was empty, never beside real data."""
    marker = folder / _DEMO_MARKER
    if not is_new or marker.exists():
        return
    plan.say("Loading demo data …")
    supervisor.run(
        "Loading demo data", [sys.executable, "-m", "cli", "demo", "--no-sign-ins"], env=environment
    )
    marker.touch()


def _start_api(plan: Development, supervisor: Supervisor, environment: dict[str, str]) -> None:
    """Start the API held: it imports its modules meanwhile, and serves nothing before the schema is there."""
    address = ["--host", plan.host, "--port", str(plan.port), "--workers", str(plan.workers)]
    command = [sys.executable, "-m", "cli", "serve", "--hold", *address]
    supervisor.start("The API", command, env=environment, grace=API_GRACE_SECONDS, held=True)


def _start_worker(plan: Development, supervisor: Supervisor, environment: dict[str, str]) -> None:
    """Let the API go on, start the worker, and wait until the API is ready."""
    plan.say("Starting the API and a worker …")
    supervisor.release()
    command = [sys.executable, "-m", "cli", "worker"]
    supervisor.start("The worker", command, env=environment, grace=WORKER_GRACE_SECONDS)
    supervisor.wait_until(
        lambda: _is_ready(_WILDCARDS.get(plan.host, plan.host), plan.port),
        what="GET /health/ready answering 200",
        seconds=_READY_SECONDS,
    )


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    connection.close()
    return False


def _banner(plan: Development, settings: Settings, folder: Path) -> str:
    host = _WILDCARDS.get(plan.host, plan.host)
    base = f"http://{f'[{host}]' if ':' in host else host}:{plan.port}"
    lines = [
        "",
        f"  Front page     {base}/   (one click places a demo order)",
        f"  GraphiQL       {base}/graphql   (open it in a browser; clients POST to the same address)",
        f"  REST docs      {base}/docs   and   {base}/redoc",
        "",
        *(_demo_sign_ins() if (folder / _DEMO_MARKER).exists() else ()),
        *_pace(settings.order_pause_seconds),
        f"  PostgreSQL     {settings.migration_address[0]}",
        f"  Redis          {settings.redis_url}",
        f"  Data           {folder}",
        "",
        "  Ctrl-C stops everything.",
        "",
    ]
    return "\n".join(lines)


def _pace(seconds: float) -> list[str]:
    if not seconds:
        return []
    return [f"  Orders         stay {counted(seconds, 'second')} in each status, to be watched (--slow)"]


def _demo_sign_ins() -> list[str]:
    first, *others = [f"{person.email} / {person.password}" for person in DEMO_PEOPLE]
    return [f"  Demo sign-ins  {first}", *(f"                 {other}" for other in others), ""]
