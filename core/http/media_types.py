"""Media types in headers: what a body is sent as, and what a client accepts (RFC 9110 sections 8.3.1 and 12.5.1)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.http.headers import ELEMENTS, PARTS, memoized

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105
_RANGE = re.compile(rf"{_TOKEN}/{_TOKEN}")
#: Wider than RFC 9110 section 12.4.2: Java's own client sends ``q=.2``.
_QUALITY = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of ``Accept`` or ``Content-Type``.

    Args:
        name: in lower case, such as ``application/json`` or ``text/*``; empty if it is none.
        parameters: by their names in lower case, without the quotes of their values.
        quality: from 0, not accepted, to 1.
        position: in the list, from 0.
    """

    name: str
    parameters: Mapping[str, str]
    quality: float
    position: int

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for several media types."""
        return self.name.endswith("/*")

    @property
    def rank(self) -> tuple[float, bool, int]:
        """Less for what is liked better."""
        return -self.quality, self.is_wildcard, self.position


class Accept:
    """What a client accepts.

    Args:
        value: of the header; an empty one accepts everything, as none does.
    """

    def __init__(self, value: bytes) -> None:
        self.ranges = [element for element in _read_list(value) if element.name]

    def quality(self, name: str) -> float:
        """Return how well a media type is liked, from 0 (not accepted) to 1, by the range that fits it best."""
        for candidate in (name, f"{name.partition('/')[0]}/*", "*/*"):
            qualities = [found.quality for found in self.ranges if found.name == candidate]
            if qualities:
                return max(qualities)
        return 0.0 if self.ranges else 1.0

    def names(self, name: str) -> bool:
        """Tell whether a media type is accepted by its own name, not by a wildcard or by silence."""
        return any(found.name == name and found.quality > 0 for found in self.ranges)

    def prefers(self, wanted: MediaRange, over: str) -> bool:
        """Tell whether a range is liked better than all media types of the kind *over*, or as well but named first.

        A wildcard counts as named last.

        Args:
            over: what stands before the slash.
        """
        others = [found for found in self.ranges if found.is_wildcard or found.name.startswith(f"{over}/")]
        return wanted.quality > 0 and all(wanted.rank < other.rank for other in others)


@memoized
def read_media_type(value: bytes) -> str:
    """Return what a body is sent as, in lower case and without parameters, by its ``Content-Type``.

    Empty if that is missing or no media type, or if it names several (RFC 9110 section 8.3).
    """
    names = {element.name for element in _read_list(value)}
    return names.pop() if len(names) == 1 else ""


@memoized
def takes_html(value: bytes) -> bool:
    """Tell whether an ``Accept`` names HTML, and likes JSON no better: a browser does, ``*/*`` does not."""
    accept = Accept(value)
    return accept.names("text/html") and accept.quality("text/html") >= accept.quality(JSON)


def _read_list(value: bytes) -> Iterator[MediaRange]:
    elements = filter(None, map(str.strip, ELEMENTS.findall(value.decode("latin-1"))))
    for position, element in enumerate(elements):
        # A semicolon in front of everything would otherwise hide that there is no name.
        name, *parameters = map(str.strip, PARTS.findall(f" {element}"))
        yield _read_range(name, dict(map(_read_parameter, parameters)), position)


def _read_range(name: str, parameters: dict[str, str], position: int) -> MediaRange:
    name = "*/*" if name == "*" else name.lower()
    quality = parameters.pop("q", "1")
    if not _RANGE.fullmatch(name) or not _QUALITY.fullmatch(quality):
        return MediaRange("", {}, 0, position)
    return MediaRange(name, parameters, min(float(quality), 1.0), position)


def _read_parameter(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    value = value.strip()
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'))
    return name.strip().lower(), value
