"""Reads ``docs/api-v1.md``: its endpoints, their examples, and how an answer compares with one."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api-v1.md").read_text(encoding="utf-8")
BASE_URL = "http://127.0.0.1:8000/api/v1"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Section:
    """One endpoint as the document describes it."""

    title: str
    method: str
    path: str
    authentication: str
    parameters: dict[str, set[str]]
    request: str | None
    status: int
    response: str | None
    errors: set[tuple[int, str]]
    examples: list[str] = field(repr=False)

    @property
    def operation(self) -> tuple[str, str]:
        """The operation's place in OpenAPI."""
        return "/api/v1" + self.path, self.method.lower()


def _search(pattern: str, text: str, flags: int = 0) -> str:
    found = re.search(pattern, text, flags)
    assert found, f"{pattern} not in {text[:80]!r}"
    return found[1]


def _part(text: str, heading: str) -> str | None:
    found = re.search(rf"^\*\*{heading}\*\*[^\n]*\n(.*?)(?=^\*\*|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else None


def fences(text: str | None, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text or "", re.MULTILINE | re.DOTALL)


def _sections() -> Iterator[Section]:
    endpoints = _search(r"^## Endpoints\n(.*?)^## ", DOCUMENT, re.MULTILINE | re.DOTALL)
    for title, text in re.findall(
        r"^#### ([^\n]+)\n(.*?)(?=^#{3,4} |\Z)", endpoints, re.MULTILINE | re.DOTALL
    ):
        method, path = _search(r"^\*\*Endpoint\*\*: `([^`]+)`", text, re.MULTILINE).split(" ")
        errors = {
            (int(status), code)
            for status, codes in re.findall(r"^\| (\d{3}) \| ([^|]+) \|", text, re.MULTILINE)
            for code in re.findall(r"`(\w+)`", codes)
        }
        places = {"path": "Path Parameters", "query": "Query Parameters", "header": "Headers"}
        yield Section(
            title,
            method,
            path,
            _search(r"^\*\*Authentication\*\*: ([^\n]+)", text, re.MULTILINE),
            {
                place: set(re.findall(r"^- `([^`]+)`", _part(text, name) or "", re.MULTILINE))
                for place, name in places.items()
            },
            next(iter(fences(_part(text, "Request Body"), "json")), None),
            int(_search(r"^\*\*Response\*\* \((\d{3})", text, re.MULTILINE)),
            next(iter(fences(_part(text, "Response"), "json")), None),
            errors,
            fences(text, "bash"),
        )


SECTIONS = list(_sections())


@dataclass(frozen=True)
class Command:
    """What a curl command would send."""

    method: str
    url: str
    headers: dict[str, str]
    content: str | None


def read_curl(text: str) -> Command:
    words = shlex.split(text.replace("\\\n", " "))
    assert words[0] == "curl"
    method, url, headers, content = "GET", "", {}, None
    rest = iter(words[1:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(":")
            headers[name] = value.strip()
        elif word == "-d":
            content = next(rest)
        else:
            assert not word.startswith("-"), f"the test knows no option {word}"
            url = word
    return Command(method, url, headers, content)


def parse_example(text: str) -> Any:
    """Parse a JSON example, in which ``...`` stands for more of the same."""
    return orjson.loads(re.sub(r'(?<!")\.\.\.(?!")', '"..."', text))


def expect(answer: Any, example: Any, where: str = "answer") -> None:
    """Compare keys and their order, types, and every value that is not new in each run."""
    if isinstance(example, dict):
        assert isinstance(answer, dict), where
        assert list(answer) == list(example), where
        for key, value in example.items():
            expect(answer[key], value, f"{where}.{key}")
    elif isinstance(example, list):
        assert isinstance(answer, list), where
        shown = [value for value in example if value != "..."]
        assert len(answer) >= len(shown), where
        assert shown != example or len(answer) == len(shown), where
        for got, value in zip(answer, shown, strict=False):
            expect(got, value, f"{where}[]")
        assert all(list(got) == list(shown[0]) for got in answer[len(shown) :]), where
    elif isinstance(example, str) and TIME.fullmatch(example):
        assert TIME.fullmatch(answer), where
        age = datetime.now(UTC) - datetime.fromisoformat(answer)
        assert answer == example or age < timedelta(minutes=1), where
    elif where.endswith(("access_token", "refresh_token")):
        assert answer.count(".") == 2, where
    else:
        assert type(answer) is type(example), where
        assert answer == example, where
