"""Writes an operation of the story in curl, TypeScript and Python."""

import base64
import json
import re
import shlex
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.demo_people import ADMIN, CUSTOMER, DemoPerson
from graph.types.nodes import encode_id
from rest.v1.demo_examples import FRESH_IDS
from rest.v1.twins import TWINS
from tests.rest.leaving.shop import variables_of
from tests.rest.leaving.story import KEY, REFRESH_TOKEN, Step

URL = "http://127.0.0.1:8000/graphql"
#: Above which what stands in brackets has a line for each of its parts.
WIDTH = 100


@dataclass(frozen=True)
class Language:
    """How a language writes what the code is made of.

    Args:
        call: what stands before and behind the arguments of a call, with a place for the name of its answer.
        space: what stands inside braces.
        made: expressions for what an earlier answer has, or must be new, by the value that the page shows.
        tokens: expressions for access tokens, by who has them.
        before: lines before the call, by the name of the step; ``after`` likewise.
    """

    fence: str
    call: tuple[str, str]
    node_id: str
    key: str
    space: str
    indent: str
    words: dict[object, str]
    made: dict[str, str]
    tokens: dict[DemoPerson | None, str]
    before: dict[str, str]
    after: dict[str, str]


_USER, _ORDER = encode_id("User", FRESH_IDS["deleteUser"]), encode_id("Order", FRESH_IDS["cancelOrder"])
_ADMIN = json.dumps(ADMIN.email), json.dumps(ADMIN.password)
TYPESCRIPT = Language(
    fence="ts",
    call=("const {} = await graphql(", ");"),
    node_id="nodeId({}, {})",
    key="{}",
    space=" ",
    indent="  ",
    words={None: "null", True: "true", False: "false"},
    made={REFRESH_TOKEN: "session.refreshToken", KEY: "crypto.randomUUID()"}
    | {_USER: "created.user.id", _ORDER: "placed.order.id"},
    tokens={CUSTOMER: "token", ADMIN: "admin.accessToken"},
    before={
        "created": "const admin = await graphql(LOGIN, {{ input: {{ email: {}, password: {} }} }});".format(
            *_ADMIN
        )
    },
    after={
        "session": "let token = session.accessToken;",
        "refreshed": "Object.assign(session, refreshed);\ntoken = session.accessToken;",
    },
)
PYTHON = Language(
    fence="python",
    call=("{} = graphql(", ")"),
    node_id="node_id({}, {})",
    key='"{}"',
    space="",
    indent="    ",
    words={None: "None", True: "True", False: "False"},
    made={REFRESH_TOKEN: 'session["refreshToken"]', KEY: "str(uuid.uuid4())"}
    | {_USER: 'created["user"]["id"]', _ORDER: 'placed["order"]["id"]'},
    tokens={CUSTOMER: "token", ADMIN: 'admin["accessToken"]'},
    before={
        "created": 'admin = graphql(LOGIN, {{"input": {{"email": {}, "password": {}}}}})'.format(*_ADMIN),
        "placed": "import uuid\n",
    },
    after={
        "session": 'token = session["accessToken"]',
        "refreshed": 'session |= refreshed\ntoken = session["accessToken"]',
    },
)
#: Variables of the shell, by the value that the page shows.
SHELL = {REFRESH_TOKEN: "REFRESH_TOKEN", _USER: "USER_ID", _ORDER: "ORDER_ID"}
SHELL_TOKENS = {CUSTOMER: "TOKEN", ADMIN: "ADMIN_TOKEN"}


def constant(document: str) -> str:
    """Return what the code calls a document: the name of its operation in capitals."""
    found = re.search(r"(?:query|mutation|subscription) (\w+)", document)
    assert found
    return re.sub(r"(?<!^)(?=[A-Z])", "_", found[1]).upper()


def code(step: Step, language: Language) -> str:
    """Return the lines that do what the step does, and keep its answer."""
    arguments = [constant(TWINS[step.operation_id].document)]
    variables = variables_of(step)
    if variables or step.who:
        arguments.append(_written(variables, language, 1))
    if step.who:
        arguments.append(language.tokens[step.who])
    opening, closing = language.call
    call = _joined(opening.format(step.name), arguments, closing, language.indent)
    lines = (language.before.get(step.name), call, language.after.get(step.name))
    return "\n".join(line for line in lines if line)


def _written(value: Any, language: Language, depth: int) -> str:
    """Return a value as the language writes it."""
    if isinstance(value, dict):
        parts = [
            f"{language.key.format(name)}: {_written(part, language, depth + 1)}"
            for name, part in value.items()
        ]
        return _joined("{", parts, "}", language.indent, depth, language.space if parts else "")
    if isinstance(value, list):
        parts = [_written(part, language, depth + 1) for part in value]
        return _joined("[", parts, "]", language.indent, depth)
    if isinstance(value, str):
        if value in language.made:
            return language.made[value]
        kind, number = _global_id(value)
        if kind:
            return language.node_id.format(json.dumps(kind), number)
        return json.dumps(value, ensure_ascii=False)
    return language.words.get(value, str(value)) if isinstance(value, bool | None) else str(value)


def _joined(
    opening: str, parts: Sequence[str], closing: str, indent: str, depth: int = 0, space: str = ""
) -> str:
    """Return what stands in brackets, in one line if that is short."""
    line = f"{opening}{space}{', '.join(parts)}{space}{closing}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    margin = indent * depth
    lines = "".join(f"{margin}{indent}{part},\n" for part in parts)
    return f"{opening}\n{lines}{margin}{closing}"


def _global_id(text: str) -> tuple[str, int]:
    try:
        found = re.fullmatch(r"(User|Order|Product):(\d+)", base64.b64decode(text, validate=True).decode())
    except (Error, UnicodeDecodeError, ValueError):
        found = None
    return (found[1], int(found[2])) if found else ("", 0)


def curl(step: Step) -> str:
    """Return the command that sends the twin."""
    body = {"query": " ".join(TWINS[step.operation_id].document.split()), "variables": variables_of(step)}
    if not body["variables"]:
        del body["variables"]
    quoted = shlex.quote(json.dumps(body, ensure_ascii=False))
    for value, name in SHELL.items():
        quoted = quoted.replace(value, f"'\"${name}\"'")
    signed = f' -H "Authorization: Bearer ${SHELL_TOKENS[step.who]}"' if step.who else ""
    return f"curl -s {URL} -H 'Content-Type: application/json'{signed} -d {quoted}"
