"""Progress bars for the person at the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def progress_bars(total: float, *names: str) -> Iterator[list[Callable[[float], None]]]:
    """Show a bar for each name on standard error, if that is a terminal.

    Args:
        total: how far each bar goes.

    Yields:
        For each bar the function that advances it.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield [partial(progress.advance, progress.add_task(name, total=total)) for name in names]
