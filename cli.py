"""The command ``tandem``. Each command imports what it needs when it runs: none waits for another's."""

import asyncio
import importlib
import importlib.util
import io
import logging.config
import os
import sys
from collections.abc import Awaitable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from core import __version__
from core.counted import counted
from core.errors import AppError, ValidationFailed
from core.logging import log_config
from core.service_errors import ServiceError
from core.settings import Settings, SettingsError, load_settings, unknown_variables

app = typer.Typer(
    help="Tandem, an order back end with a GraphQL and a REST API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="API processes.", min=1, max=64)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
GRACEFUL_SECONDS = 10
TASK_GRACE_SECONDS = 20.0
#: For one of several API processes to answer. It does not before its modules are imported, which takes several seconds
#: on a busy machine: uvicorn's own limit of five would kill every process that it starts there, for ever.
HEALTH_CHECK_SECONDS = 30


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tandem {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Tandem, an order back end with a GraphQL and a REST API."""


def main() -> None:
    """Entry point: an error that an operator can fix is one sentence and exit code 1, not a traceback."""
    _print_anything()
    _warn_of_unknown_settings()
    try:
        app()
    except ValidationFailed as error:
        _refuse("\n".join(problem.message for problem in error.problems))
    except (AppError, ServiceError, SettingsError) as error:
        _refuse(str(error))


def _print_anything() -> None:
    """Let no output fail because the terminal has other characters: what was done is done, and has to be told."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _warn_of_unknown_settings() -> None:
    """Name variables that nothing reads, because their names are misspelt or from another version."""
    for name, like in unknown_variables(os.environ).items():
        hint = f": did you mean {like}?" if like else "."
        typer.secho(f"{name} is no setting of Tandem, and is ignored{hint}", fg=typer.colors.YELLOW, err=True)


def _refuse(sentence: str) -> None:
    typer.secho(sentence, fg=typer.colors.RED, err=True)
    sys.exit(1)


def _require_development(refusal: str) -> Settings:
    """Return the settings, or raise before anything of dev/ is imported, which the image leaves out."""
    settings = load_settings()
    if settings.is_production:
        raise ServiceError(refusal)
    if importlib.util.find_spec("dev") is None:
        raise ServiceError("This command needs the folder dev/ of the repository, which is not here.")
    return settings


def _describe_services(settings: Settings) -> None:
    from models.readiness import describe_services

    for sentence in asyncio.run(describe_services(settings)):
        typer.echo(sentence)


def _warn_of_development(settings: Settings) -> None:
    """Say so where nobody has chosen to be lenient."""
    if "environment" not in settings.model_fields_set:
        logging.config.dictConfig(log_config(settings))
        logging.getLogger("tandem").warning(
            "TANDEM_ENVIRONMENT is not set, so this is DEVELOPMENT: the schema is told, pages of this machine may read"
            " answers, mail goes to the terminal, and the key is one of a file. Set it to production for anybody else's"
            " data, or to development to be spared this line"
        )


def _say(line: str) -> None:
    # A terminal that was closed must not keep the clean-up from finishing.
    with suppress(OSError):
        typer.echo(line)
        sys.stdout.flush()


@app.command()
def dev(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    slow: Annotated[
        float | None,
        typer.Option(
            help="Seconds for which orders stay in each status, so that one can watch.",
            min=0,
            show_default="TANDEM_ORDER_PAUSE_SECONDS, or 0",
        ),
    ] = None,
) -> None:
    """Run everything for development: PostgreSQL, Valkey, the API and a worker, with the data in var/."""
    _require_development(
        "tandem dev is for development: with TANDEM_ENVIRONMENT=production run "
        "tandem migrate, tandem serve and tandem worker instead."
    )
    from dev import system

    system.run(system.Development(host, port, workers, slow, say=_say))


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    hold: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Serve the API. Databases must be running and migrated."""
    import uvicorn

    from core.http.connections import connection_limits
    from core.http.listening import bind
    from core.http.processes import ApiProcesses
    from core.metric_exchange import shared_folder
    from engine.http import HttpProtocol

    settings = load_settings()  # a wrong environment is reported here, before any process is started
    listeners = bind(host, port)
    if hold:
        # `tandem dev` lets the imports, most of a start, run beside its migrations, and then sends a line.
        importlib.import_module("app")
        if not sys.stdin.readline():
            return
    _warn_of_development(settings)
    _describe_services(settings)
    typer.echo(f"Serving on {host}, port {port}.")
    config = uvicorn.Config(
        "app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http=partial(HttpProtocol, limits=connection_limits(settings)),  # type: ignore[arg-type]  # it is called
        ws="websockets-sansio",
        ws_max_size=settings.max_body_bytes,
        server_header=False,
        proxy_headers=False,
        access_log=False,
        log_config=log_config(settings),
        log_level="warning",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_worker_healthcheck=HEALTH_CHECK_SECONDS,
    )
    with shared_folder(settings), ExitStack() as opened, suppress(KeyboardInterrupt):
        for listener in listeners:
            opened.enter_context(listener)
        if workers == 1:
            uvicorn.Server(config).run(sockets=listeners)
        else:
            ApiProcesses(config, sockets=listeners).run()


@app.command()
def worker(
    processes: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 1,
) -> None:
    """Process orders from the queue and send mail. Databases must be running and migrated.

    Ctrl-C lets it finish what is in work; Ctrl-C again stops it at once.
    """
    from taskiq.cli.common_args import LogLevel
    from taskiq.cli.worker.args import WorkerArgs

    from core.http.listening import bind
    from core.metric_exchange import shared_folder
    from tasks.processes import WorkerProcesses

    settings = load_settings()
    place = settings.worker_metrics_place
    listeners = bind(*place) if place else []
    args = WorkerArgs(
        broker="tasks.broker:create_worker_broker",
        receiver="tasks.broker:WorkerReceiver",
        modules=["tasks.orders", "tasks.mail"],
        workers=processes,
        log_level=LogLevel.WARNING,
        # More tasks at once than database connections would only wait for each other.
        max_async_tasks=settings.database_pool_size,
        wait_tasks_timeout=TASK_GRACE_SECONDS,
    )
    logging.config.dictConfig(log_config(settings))
    _warn_of_development(settings)
    _describe_services(settings)
    typer.echo(f"Processing orders in {counted(processes, 'process', 'processes')}.")
    with shared_folder(settings):
        code = WorkerProcesses(args, _say, listeners).run()
    if code:
        raise typer.Exit(code)


@app.command()
def migrate() -> None:
    """Bring the database schema up to date. Safe to run from several places at once."""
    from models.migrate import migrate as apply

    applied = asyncio.run(apply(load_settings()))
    for name in applied:
        typer.echo(f"Applied {name}")
    if not applied:
        typer.echo("Nothing to apply.")


@app.command()
def audit(
    jobs: Annotated[int, typer.Option(help="Connections that share the work.", min=1, max=64)] = 1,
    json: Json = False,
) -> None:
    """Prove the books of the whole database, in one snapshot and without locks, while the shop goes on.

    Each row that breaks a rule is named: rule, table, key, and what is wrong. The exit status is 1 if there is one.
    """
    from core.progress import progress_bars
    from models.audit.report import print_audit

    with progress_bars(1, "Auditing") as (advance,):
        is_clean = asyncio.run(print_audit(load_settings(), _say, jobs=jobs, as_json=json, advance=advance))
    if not is_clean:
        raise typer.Exit(1)


@app.command()
def create_admin(
    email: Annotated[str, typer.Option(help="What the administrator signs in with.")],
    full_name: Annotated[str, typer.Option(help="Name that others see.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, to its end.")
    ] = False,
) -> None:
    """Create an administrator. The password, at least 8 characters and at most 72 bytes, is asked for and not shown."""
    from graph.resolvers.operator import create_admin as create
    from graph.resolvers.operator import run_as_operator

    settings = load_settings()
    if password_stdin:
        # What is not UTF-8 becomes a surrogate, and is refused like any other password that cannot be.
        password = sys.stdin.buffer.read().decode(errors="surrogateescape")
        password = password.removesuffix("\n").removesuffix("\r")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    values = {"email": email, "full_name": full_name, "password": password}
    admin = run_as_operator(settings, lambda ctx: create(ctx, **values))
    typer.echo(f"Created the administrator {admin.email} (user {admin.id}).")


@app.command()
def demo(sign_ins: Annotated[bool, typer.Option(hidden=True)] = True) -> None:
    """Add sample data where it is missing: two users, 43 products and some orders. Not for production."""
    settings = _require_development(
        "Demo data has passwords that everybody knows: tandem demo refuses production."
    )
    from core.demo_people import DEMO_PEOPLE
    from dev.demo import load_demo
    from graph.resolvers.operator import run_as_operator

    # Without Redis every order would warn that it waits for the sweep, although it is processed here.
    logging.disable(logging.WARNING)
    # As the owner: the past that it makes up is what the application cannot rewrite.
    owner = settings.model_copy(update={"database_url": settings.migration_address[0]})
    added = run_as_operator(owner, load_demo)
    what = [counted(added.users, "user"), counted(added.products, "product"), counted(added.orders, "order")]
    typer.echo("Added {}, {} and {}.".format(*what))
    if sign_ins:
        for person in DEMO_PEOPLE:
            typer.echo(f"Sign in as {person.email} / {person.password}")


@app.command()
def import_products(
    file: Annotated[Path, typer.Argument(help="CSV file (RFC 4180, UTF-8).", exists=True, dir_okay=False)],
) -> None:
    """Add the products of a CSV file: all of them or, if any line is wrong, none.

    Its first line names the columns: name,description,price,on_hand. A price is an amount of the configured
    currency, such as 12.50. Products may share a name: importing a file twice adds everything twice.
    """
    from core.progress import progress_bars
    from graph.resolvers.operator import run_as_operator
    from graph.resolvers.product_import import import_products as add

    settings = load_settings()
    bars = progress_bars(file.stat().st_size, "Checking", "Importing")
    with file.open("rb") as opened, bars as (checked, stored):
        added = run_as_operator(settings, lambda _: add(opened, checked=checked, stored=stored))
    what = counted(added.products, "product"), counted(added.pieces, "piece")
    typer.echo("Imported {} with {} on hand.".format(*what))


@app.command()
def export_schema(
    output: Annotated[
        str, typer.Option(help="Where to write it; - prints it. [default: schema.graphql]")
    ] = "",
    check: Annotated[bool, typer.Option(help="Write nothing; fail if the file is out of date.")] = False,
) -> None:
    """Write the GraphQL schema in the definition language."""
    from graph.schema import SDL_PATH, print_sdl

    _export(print_sdl(), output or str(SDL_PATH), "tandem export-schema" if check else "")


@app.command()
def export_openapi(
    output: Annotated[str, typer.Option(help="Where to write it; - prints it.")] = "-",
    check: Annotated[bool, typer.Option(help="Write nothing; fail if the file is out of date.")] = False,
) -> None:
    """Write the OpenAPI document of REST v1, as production serves it."""
    from rest.v1 import routes
    from rest.v1.openapi import print_openapi

    _export(print_openapi(routes.routes), output, "tandem export-openapi" if check else "")


def _export(text: str, output: str, check: str) -> None:
    """Write a document, print it, or, if *check* names the command that would write it, compare it with the file."""
    path = Path(output)
    if output == "-":
        typer.echo(text.encode(), nl=False)  # a file, in UTF-8 whatever the terminal is
    elif not check:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ServiceError(f"The document cannot be written to {path}: {error.strerror}.") from None
    elif not path.is_file() or path.read_bytes() != text.encode():
        raise ServiceError(f"{path.name} is out of date: {check} writes it anew.")


def _print_json(value: object) -> None:
    import orjson

    # Rows are mappings, which orjson knows by no other name.
    typer.echo(orjson.dumps(value, default=dict, option=orjson.OPT_INDENT_2))


@app.command()
def doctor(json: Json = False) -> None:
    """Look whether Tandem can run here, before and after a start: settings, servers, roles, extension, migrations,
    clocks, mail.

    Each finding is a sentence, with what to do. The exit status is 1 if something hinders. It changes nothing, and
    takes a few seconds at most, also when a server does not answer.
    """
    from graph.operations.doctor import examine, is_well
    from graph.operations.status_screen import show_findings

    found = asyncio.run(examine())
    if json:
        _print_json({"is_well": is_well(found), "findings": found})
    else:
        show_findings(found)
    if not is_well(found):
        raise typer.Exit(1)


@app.command()
def status(json: Json = False) -> None:
    """Say on one screen whether all is well: workers, orders, queues, locks, and what is wrong.

    The exit status is 1 if something is. It takes a few seconds at most, also when a server does not answer.
    """
    from graph.operations.status import status_of
    from graph.operations.status_screen import show_status

    found = asyncio.run(status_of(load_settings()))
    if json:
        _print_json({"is_well": found.is_well, **vars(found)})
    else:
        show_status(found)
    if not found.is_well:
        raise typer.Exit(1)


dead = typer.Typer(
    help="Messages that workers have given up: look at them, send them again, or drop them.",
    no_args_is_help=True,
)
app.add_typer(dead, name="dead")
Keys = Annotated[
    list[str] | None, typer.Argument(help="Keys, as tandem dead list shows them.", show_default=False)
]
All = Annotated[bool, typer.Option("--all", help="All there are, instead of keys.")]


@dead.command("list")
def list_dead(
    limit: Annotated[int, typer.Option(help="The most that are shown, newest first.", min=1, max=100)] = 20,
    json: Json = False,
) -> None:
    """Show the newest messages that were given up: what they were about, how often they were tried, and why."""
    from graph.operations.dead_letters import read_dead_letters
    from graph.operations.dead_letters_command import run_on_letters, show_dead_letters

    found = run_on_letters(load_settings(), partial(read_dead_letters, count=limit))
    if json:
        _print_json({"dead_letters": found})
    else:
        show_dead_letters(found)


@dead.command("replay")
def replay_dead(keys: Keys = None, every: All = False, json: Json = False) -> None:
    """Send messages again, once the cause is mended. Nothing is done twice by it.

    A mail that was asked for more than a day ago is refused once more: nobody waits for it.
    """
    from graph.operations.dead_letters import replay

    _on_dead_letters(replay, "Sent {} again.", keys, every, json)


@dead.command("drop")
def drop_dead(keys: Keys = None, every: All = False, json: Json = False) -> None:
    """Delete messages for good. Their orders stay in the database, mails are lost."""
    from graph.operations.dead_letters import drop

    _on_dead_letters(drop, "Dropped {}.", keys, every, json)


def _on_dead_letters(work: Any, sentence: str, keys: list[str] | None, every: bool, json: bool) -> None:
    from graph.operations.dead_letters_command import run_on_letters, to_all

    if bool(keys) == every:
        raise typer.BadParameter("Give either keys or --all.")
    count = run_on_letters(load_settings(), partial(to_all, work=work) if every else partial(work, keys=keys))
    if json:
        _print_json({"count": count})
    else:
        typer.echo(sentence.format(counted(count, "message")))
    if keys and count < len(set(keys)):
        raise ServiceError(f"Not there any more: {counted(len(set(keys)) - count, 'message')}.")


@app.command()
def trace(
    order: Annotated[str, typer.Argument(help="The order, by number or global id.", show_default=False)] = "",
    product: Annotated[str, typer.Option(help="Where the stock of this product went, instead.")] = "",
    limit: Annotated[
        int, typer.Option(help="Stock movements of a product, newest first.", min=1, max=1000)
    ] = 50,
    json: Json = False,
) -> None:
    """Show what became of an order: requests, attempts, why they failed, stock. The exit status is 1 if there is none.

    A request id or a worker's name of it is what the log can be searched for.
    """
    from graph.operations import traces
    from graph.resolvers.operator import run_as_operator

    if bool(order) == bool(product):
        raise typer.BadParameter("Give either an order or --product.")
    number = traces.row_number(order or product, "Order" if order else "Product")

    def look(_: object) -> Awaitable[traces.Trace]:
        return traces.trace_order(number) if order else traces.trace_product(number, limit=limit)

    found = run_as_operator(load_settings(), look)
    if json:
        _print_json(found)
    else:
        typer.echo(traces.describe(found))


@app.command()
def retry(
    orders: Annotated[
        list[str] | None, typer.Argument(help="Orders, by number or global id.", show_default=False)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that failed with PROCESSING_ERROR, instead.")
    ] = False,
    json: Json = False,
) -> None:
    """Process orders anew that failed for a fault of the server (PROCESSING_ERROR), once that is mended.

    Orders that failed for their products are left alone. The exit status is 1 if one that was named is not retried.
    """
    from graph.operations import retries
    from graph.operations.traces import row_number
    from graph.resolvers.operator import run_as_operator

    if bool(orders) == every:
        raise typer.BadParameter("Give either orders or --all.")
    settings = load_settings()
    ids = None if every else [row_number(order, "Order") for order in orders or ()]
    outcome = run_as_operator(settings, lambda _: retries.retry(settings, ids))
    if json:
        _print_json(outcome.as_json())
    else:
        typer.echo(f"Retried {counted(len(outcome.retried), 'order')} (request {outcome.request_id}).")
        for order_id, reason in outcome.refused.items():
            typer.secho(f"{order_id}: {reason}", fg=typer.colors.YELLOW, err=True)
    if outcome.refused and not every:
        raise typer.Exit(1)


@app.command()
def usage(
    days: Annotated[int, typer.Option(help="Days that are told of, today included.", min=1, max=400)] = 30,
    may_remove: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Say whether this may be removed: an operation of v1, or a GraphQL coordinate. Exits with 0 for yes.",
            show_default=False,
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option(help="The most lines that are shown, what is used most first.", min=1, max=1000)
    ] = 1000,
    json: Json = False,
) -> None:
    """Show who uses what of both APIs: calls by operation and client, and what nobody uses.

    Nothing that was used within 30 days may be removed. What is used is counted a few seconds late.
    """
    from graph.operations import usage_command
    from graph.operations.usage import judge, read_usage
    from graph.resolvers.operator import run_as_operator

    if may_remove:
        from rest.v1 import routes

        usage_command.check_name(may_remove, {str(route.operation_id) for route in routes.routes}, days)
        verdict = run_as_operator(load_settings(), lambda _: judge(may_remove, days=days))
        _print_json(verdict) if json else usage_command.show_verdict(verdict)
        raise typer.Exit(0 if verdict.may_remove else 1)
    used = run_as_operator(load_settings(), lambda _: read_usage(days=days, count=limit))
    _print_json({"days": days, "usage": used}) if json else usage_command.show_usage(used, days)


if __name__ == "__main__":
    main()
