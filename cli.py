"""The command ``tandem``. Each command imports what it needs when it runs: none waits for another's."""

import asyncio
import importlib
import logging
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from core.services.errors import ServiceError
from core.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from taskiq.cli.worker.args import WorkerArgs

app = typer.Typer(
    help="Tandem, an order back end with a GraphQL and a REST face.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="API processes.", min=1, max=64)]

GRACEFUL_SECONDS = 10
TASK_GRACE_SECONDS = 20.0


def main() -> None:
    """Entry point: what the person at the terminal can mend is one sentence and exit code 1, not a trace."""
    try:
        app()
    except (ServiceError, SettingsError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        sys.exit(1)


def _say(line: str) -> None:
    # A terminal that was closed must not keep the clean-up from finishing.
    with suppress(OSError):
        typer.echo(line)
        sys.stdout.flush()


@app.command()
def dev(host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Run everything for development: PostgreSQL, Valkey, the API and a worker, with the data in var/."""
    from core.services import development

    async def apply(settings: Settings) -> list[str]:
        from models.migrate import migrate

        return await migrate(settings)

    has_demo = any(_name_of(command) == "demo" for command in app.registered_commands)
    development.run(development.Development(host, port, workers, migrate=apply, has_demo=has_demo, say=_say))


def _name_of(command: typer.models.CommandInfo) -> str:
    return command.name or str(getattr(command.callback, "__name__", ""))


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    hold: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Serve the API. Databases must be running and migrated."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from core.services.ports import bind

    load_settings()  # a wrong environment is reported here, before any process is started
    listener = bind(host, port)
    if hold:
        # `tandem dev` lets the imports, most of a start, run beside its migrations, and then sends a line.
        importlib.import_module("app")
        if not sys.stdin.readline():
            return
    typer.echo(f"Serving on {host}, port {port}.")
    config = uvicorn.Config(
        "app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        server_header=False,
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    with listener, suppress(KeyboardInterrupt):
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listener])
        else:
            Multiprocess(config, sockets=[listener]).run()


@app.command()
def worker(
    processes: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 1,
) -> None:
    """Process orders from the queue. Databases must be running and migrated."""
    from taskiq.cli.common_args import LogLevel
    from taskiq.cli.worker.args import WorkerArgs
    from taskiq.cli.worker.process_manager import ProcessManager

    settings = load_settings()
    args = WorkerArgs(
        broker="tasks.broker:create_worker_broker",
        modules=["tasks.orders"],
        workers=processes,
        log_level=LogLevel.WARNING,
        # More tasks at once than database connections would only wait for each other.
        max_async_tasks=settings.database_pool_size,
        wait_tasks_timeout=TASK_GRACE_SECONDS,
    )
    logging.basicConfig(level=args.log_level, format=args.log_format)
    typer.echo(f"Processing orders in {processes} process{'' if processes == 1 else 'es'}.")
    # What taskiq's run_worker does, but for the function that its processes run.
    if ProcessManager(args=args, worker_function=partial(_listen, os.getpid())).start():
        raise typer.Exit(1)


def _listen(manager: int, args: "WorkerArgs") -> None:
    """Run one worker process: quiet when stopped while it still imports, and gone when its manager is."""
    from core.services.processes import die_with_parent

    try:
        if follow := die_with_parent(signal.SIGTERM, parent=manager):
            follow()
        from taskiq.cli.worker.run import start_listen

        start_listen(args)
    except KeyboardInterrupt:
        sys.exit(0)


@app.command()
def migrate() -> None:
    """Bring the database schema up to date. Safe to run from several places at once."""
    from models.migrate import migrate as apply

    try:
        applied = asyncio.run(apply(load_settings()))
    except OSError as error:
        raise ServiceError(f"The database of TANDEM_DATABASE_URL does not answer: {error}") from None
    for name in applied:
        typer.echo(f"Applied {name}")
    if not applied:
        typer.echo("Nothing to apply.")


if __name__ == "__main__":
    main()
