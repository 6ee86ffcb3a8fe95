"""``tandem usage``: which names it takes, and its screen."""

from collections.abc import Collection, Sequence

import typer
from rich.console import Console
from rich.text import Text

from engine.graphql import core_schema
from graph.endpoint.uses import SchemaUses, coordinates
from graph.operations.status_screen import plain_table, prepared
from graph.operations.usage import QUIET_DAYS, Usage, Verdict
from graph.schema import build_schema


def check_name(name: str, v1: Collection[str], days: int) -> None:
    """Refuse what nothing can be said about.

    Args:
        name: what somebody wants to remove.
        v1: the operations of v1.
        days: in which it must not have been used.

    Raises:
        typer.BadParameter: there is no such thing, or its uses are not counted; or *days* are too few. Exit status 2.
    """
    if days < QUIET_DAYS:
        raise typer.BadParameter(
            f"What was used within {QUIET_DAYS} days is not removed: --days must not be less."
        )
    schema = core_schema(build_schema())
    if name in v1 or name in SchemaUses(schema).countable:
        return
    if name in dict(coordinates(schema)):
        raise typer.BadParameter(
            f"{name} is not deprecated, so its uses are not counted. Deprecate it first."
        )
    raise typer.BadParameter(
        f"There is no {name}: give an operation of v1, such as listOrders, or a schema coordinate of GraphQL, such as"
        " Query.orders or Order.oldField."
    )


def show_verdict(verdict: Verdict, console: Console | None = None) -> None:
    """Print yes or no, why, and who; to standard output, if no console is given."""
    console = prepared(console)
    answer = Text("Yes.", "bold green") if verdict.may_remove else Text("No.", "bold red")
    console.print(answer, Text(verdict.reason))
    if verdict.counted_since:
        console.print(Text(f"Counted since {verdict.counted_since}.", "dim"))
    if verdict.used_by:
        _show(verdict.used_by, console)


def show_usage(used: Sequence[Usage], days: int, console: Console | None = None) -> None:
    """Print it all; to standard output, if no console is given."""
    console = prepared(console)
    if used:
        _show(used, console)
    else:
        console.print(f"Nothing was counted in the last {days} days.")


def _show(used: Sequence[Usage], console: Console) -> None:
    table = plain_table("operation", "client", ">calls", "last day")
    for use in used:
        client = Text(use.client) if use.client else Text("nobody", "green")
        table.add_row(Text(use.operation), client, f"{use.calls:,}", use.day or "")
    console.print(table)
