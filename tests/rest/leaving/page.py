"""The page: what is written by hand, and between marks what is made from answers."""

import json
import re
import textwrap
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from rest.v1.twins import TWINS
from tests.rest.leaving.languages import PYTHON, TYPESCRIPT, code, curl
from tests.rest.leaving.shop import Json, address_of, variables_of
from tests.rest.leaving.story import PARTIAL, REFUSED, STEPS, Step
from tests.rest.twin_answers import ADDRESSES

PATH = Path(__file__).parents[3] / "docs" / "leaving-v1.md"
#: A variable of the environment with which the test writes the page instead of comparing it.
WRITE = "TANDEM_WRITE_LEAVING"
#: What is another one with every run, and what the page shows in its place.
STAND_INS = (
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "eyJ…"),
    (re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"'), '"2026-01-31T12:00:00Z"'),
    (re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"'), '"2026-01-31T12:00:00.123456Z"'),
    (re.compile(r'("endCursor": ?)"[^"]+"'), r'\1"WyJ…"'),
)
#: Of JSON in one line.
WIDTH = 60
_MARKED = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- /made -->)", re.DOTALL)


def page(text: str, v1: Mapping[str, httpx.Response], graphql: Mapping[str, Json]) -> str:
    """Return the page with what is made put between its marks.

    Args:
        text: the page as it is.
        v1: answers by the names of the steps.
        graphql: the same of GraphQL.
    """
    made = {
        "links": _links(),
        "operations": "\n".join(_operation(step, v1[step.name], graphql[step.name]) for step in STEPS),
        "partial": f"{_fence('graphql', PARTIAL)}\n{_fence('json', shown(graphql['partial']))}",
    } | {step.name: _beside(step, v1[step.name], graphql[step.name]) for step in REFUSED}
    assert {name for _, name, _ in _MARKED.findall(text)} == set(made), "the page's marks"
    return _MARKED.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n{found[3]}", text)


def shown(answer: Any) -> str:
    """Return an answer as the page shows it: a text or a value, with stand-ins for what is new each time."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    for pattern, stand_in in STAND_INS:
        text = pattern.sub(stand_in, text)
    # Money keeps its two decimals.
    mark = "\N{REPLACEMENT CHARACTER}"
    value = json.loads(text, parse_float=lambda number: f"{mark}{number}")
    return re.sub(f'"{mark}([^"]+)"', r"\1", written(value))


def written(value: Any) -> str:
    """Return JSON with one line for what is innermost and short: there is much of it, and columns are narrow."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    for brackets, space in (("{}", " "), ("[]", "")):
        innermost = re.compile(rf"\{brackets[0]}\n +([^{{}}\[\]]+)\n +\{brackets[1]}")
        text = innermost.sub(partial(_in_one_line, brackets, space), text)
    return text


def _in_one_line(brackets: str, space: str, found: re.Match[str]) -> str:
    line = re.sub(r"\n +", " ", f"{brackets[0]}{space}{found[1]}{space}{brackets[1]}")
    return line if len(line) <= WIDTH else found[0]


def _links() -> str:
    """Return a table of the operations, with links to what is said of them."""
    lines = ["| REST v1 | operation | GraphQL |", "|---|---|---|"]
    for step in STEPS:
        title = _title(step)
        anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        kind, root = re.findall(
            r"^(query|mutation)|^  (\w+)", TWINS[step.operation_id].document, re.MULTILINE
        )[:2]
        lines.append(f"| [`{title}`](#{anchor}) | `{step.operation_id}` | {kind[0]} `{root[1]}` |")
    return "\n".join((*lines, ""))


def _title(step: Step) -> str:
    return " ".join(ADDRESSES[step.operation_id])


def _operation(step: Step, v1: httpx.Response, graphql: Json) -> str:
    blocks = (
        _fence("sh", curl(step)),
        *(_fence(language.fence, code(step, language)) for language in (TYPESCRIPT, PYTHON)),
    )
    return f"""\
### {_title(step)}

{textwrap.fill(f"`{step.operation_id}`. {step.note}", 120, break_on_hyphens=False, break_long_words=False)}

{_beside(step, v1, graphql)}
<details><summary>curl, TypeScript, Python</summary>

{chr(10).join(blocks)}
</details>
"""


def _beside(step: Step, v1: httpx.Response, graphql: Json) -> str:
    """Return a table with the two APIs side by side."""
    return f"""\
<table>
<tr><th>REST v1</th><th>GraphQL</th></tr>
<tr valign="top"><td>

{_left(step, v1)}
</td><td>

{_right(step, graphql)}
</td></tr>
</table>
"""


def _left(step: Step, answer: httpx.Response) -> str:
    method, target = address_of(step)
    lines = [f"{method} {target}", *(f"{name}: {text}" for name, text in step.request.headers.items())]
    if step.who:
        lines.append("Authorization: Bearer …")
    if step.request.body is not None:
        lines += ["", written(step.request.body)]
    said = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"]
    if location := answer.headers.get("Location"):
        said.append(f"Location: {location}")
    if answer.content:
        said += ["", shown(answer.text)]
    return f"{_fence('http', *lines)}\n{_fence('http', *said)}"


def _right(step: Step, answer: Json) -> str:
    blocks = [_fence("graphql", TWINS[step.operation_id].document)]
    if variables := variables_of(step):
        blocks.append(_fence("json", written(variables)))
    return "\n".join([*blocks, _fence("json", shown(answer))])


def _fence(language: str, *lines: str) -> str:
    return "\n".join((f"```{language}", *(line.rstrip("\n") for line in lines), "```", ""))
