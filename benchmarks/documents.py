"""Writes what was measured into the documents, between markers, so that no figure is typed by hand."""

import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (Path("README.md"), Path("docs/benchmarks.md"))
PLOT = Path("docs/benchmarks.svg")
#: Stands where nothing has been measured yet.
PENDING = "_Not measured yet: `make bench ARGS=report`._"

_SECTION = re.compile(r"(<!-- measured: (?P<name>[a-z-]+) -->\n).*?(\n<!-- /measured -->)", re.DOTALL)


def fill(text: str, sections: Mapping[str, str]) -> str:
    """Return *text* with what stands between ``<!-- measured: NAME -->`` and ``<!-- /measured -->`` written anew.

    Sections that are not given stay as they are.
    """

    def written(found: re.Match[str]) -> str:
        content = sections.get(found["name"])
        return found[0] if content is None else f"{found[1]}\n{content.strip()}\n{found[3]}"

    return _SECTION.sub(written, text)


def names(text: str) -> list[str]:
    """Return the names of the sections of a document."""
    return [found["name"] for found in _SECTION.finditer(text)]


def write(root: Path, sections: Mapping[str, str], plot: str | None = None) -> None:
    """Write sections into the documents below *root*, and the plot beside them."""
    for file in FILES:
        path = root / file
        path.write_text(fill(path.read_text(), sections))
    if plot is not None:
        (root / PLOT).write_text(plot)
