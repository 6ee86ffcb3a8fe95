"""The pictures, as SVG (W3C SVG 1.1) without any library: bars for each workload, curves over connections."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.load import Result
from benchmarks.results import BASELINE, Names, Rounds, Summary, summaries, summarise

_WIDTH, _BAR, _GAP, _HEAD, _LABELS, _VALUES = 900, 20, 6, 46, 300, 230
_OURS, _THEIRS, _INK, _SPREAD, _GRID = "#0b6e4f", "#9aa5b1", "#1f2933", "#d64545", "#e4e7eb"
_COLOURS = ("#d1495b", "#30638e", "#c98a00", "#7b5ea7", "#6b7280")
_PANEL, _TOP, _HEIGHT, _LEGEND = 380, 56, 240, 20


def draw(rounds: Rounds, names: Names) -> str:
    """Return bars of the median requests per second, with a thin line from the slowest to the fastest round."""
    parts: list[str] = []
    top = 10
    for workload, connections, servers in summaries(rounds):
        fastest_first = sorted(servers, key=lambda name: -servers[name].rate)
        widest = max((one.highest for one in servers.values()), default=0.0) or 1.0
        heading = f"{workload}, connections: {connections}; {names.title(workload)}"
        parts.append(_text(10, top + 16, heading, size=15, weight="bold"))
        parts.append(_text(10, top + 34, "requests per second, more is better", size=11))
        for index, name in enumerate(fastest_first):
            y = top + _HEAD + index * (_BAR + _GAP)
            parts.append(_bar(y, name, names.title(name), servers[name], widest))
        top += _HEAD + len(servers) * (_BAR + _GAP) + 24
    return _svg(top, "Requests per second", parts)


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" fill="{_INK}">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(y: int, name: str, title: str, one: Summary, widest: float) -> str:
    scale = (_WIDTH - _LABELS - _VALUES) / widest
    colour = _OURS if name == BASELINE else _THEIRS
    middle = y + _BAR / 2
    return "\n".join(
        (
            _text(_LABELS - 8, y + 14, title, size=12, anchor="end"),
            f'<rect x="{_LABELS}" y="{y}" width="{one.rate * scale:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<line x1="{_LABELS + one.lowest * scale:.1f}" x2="{_LABELS + one.highest * scale:.1f}"'
            f' y1="{middle}" y2="{middle}" stroke="{_SPREAD}" stroke-width="2"/>',
            _text(
                _LABELS + one.highest * scale + 8,
                y + 14,
                f"{one.rate:,.0f}  (p50 {one.p50:.1f} ms, p99 {one.p99:.1f} ms)",
                size=12,
            ),
        )
    )


def _text(x: float, y: float, text: str, *, size: int, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


@dataclass(frozen=True)
class _Panel:
    """One set of axes: connections (as many steps as were measured) over a fact, linear or by powers of ten."""

    left: int
    title: str
    connections: Sequence[int]
    lowest: float
    highest: float
    by_powers: bool = False

    def x(self, connections: int) -> float:
        steps = max(1, len(self.connections) - 1)
        return self.left + _PANEL * self.connections.index(connections) / steps

    def y(self, value: float) -> float:
        if self.by_powers:
            share = math.log(max(value, self.lowest) / self.lowest) / math.log(self.highest / self.lowest)
        else:
            share = (value - self.lowest) / (self.highest - self.lowest)
        return _TOP + _HEIGHT * (1 - share)

    def ticks(self) -> list[float]:
        if self.by_powers:
            return [
                10.0**n for n in range(round(math.log10(self.lowest)), round(math.log10(self.highest)) + 1)
            ]
        return [self.lowest + (self.highest - self.lowest) * n / 4 for n in range(5)]

    def axes(self) -> Iterator[str]:
        yield _text(self.left, _TOP - 14, self.title, size=12, weight="bold")
        for value in self.ticks():
            y = self.y(value)
            yield (
                f'<line x1="{self.left}" x2="{self.left + _PANEL}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>'
            )
            yield _text(self.left - 6, round(y) + 4, f"{value:,g}", size=11, anchor="end")
        for connections in self.connections:
            yield _text(self.x(connections), _TOP + _HEIGHT + 18, str(connections), size=11, anchor="middle")
        middle = self.left + _PANEL / 2
        yield _text(middle, _TOP + _HEIGHT + 36, "keep-alive connections", size=11, anchor="middle")

    def curve(self, values: Mapping[int, float], pen: "_Pen") -> Iterator[str]:
        points = [(self.x(connections), self.y(value)) for connections, value in values.items()]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" {pen.stroke}/>'
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.5 + pen.width / 2:g}" fill="{pen.colour}"/>'


@dataclass(frozen=True)
class _Pen:
    colour: str
    width: float
    dashed: bool = False

    @property
    def stroke(self) -> str:
        dashes = ' stroke-dasharray="6 4"' if self.dashed else ""
        return f'stroke="{self.colour}" stroke-width="{self.width:g}"{dashes}'


def draw_connections(title: str, outcome: Mapping[int, Mapping[str, Sequence[Result]]], names: Names) -> str:
    """Return two sets of curves, one a server: answers a second and p99, over the number of connections.

    Servers with the same duties as Tandem that stand beside one without have its colour, and dashes.
    """
    found = {n: {name: summarise(each) for name, each in servers.items()} for n, servers in outcome.items()}
    servers = list(dict.fromkeys(name for each in found.values() for name in each))
    everything = [one for each in found.values() for one in each.values()]
    connections = sorted(found) or [1]
    most = _round_up(max((one.rate for one in everything), default=1.0))
    slowest = max((one.p99 for one in everything), default=1.0)
    fastest = min((one.p99 for one in everything), default=1.0)
    lowest = 10.0 ** math.floor(math.log10(max(fastest, 0.01)))
    highest = max(lowest * 10, 10.0 ** math.ceil(math.log10(max(slowest, 0.01))))
    rates = _Panel(60, "answers a second (more is better)", connections, 0.0, most)
    tails = _Panel(_WIDTH - _PANEL - 20, "p99, ms (less is better)", connections, lowest, highest, True)
    parts = [_text(10, 22, title, size=15, weight="bold"), *rates.axes(), *tails.axes()]
    bottom = _TOP + _HEIGHT + 60
    # The baseline last, so that no other curve covers it.
    for name in sorted(servers, key=lambda name: name == BASELINE):
        own = {n: found[n][name] for n in connections if name in found[n]}
        parts += rates.curve({n: one.rate for n, one in own.items()}, _pen(name, servers))
        parts += tails.curve({n: one.p99 for n, one in own.items()}, _pen(name, servers))
    for index, name in enumerate(servers):
        x, y = 60 + index % 2 * 420, bottom + index // 2 * _LEGEND
        parts.append(f'<line x1="{x}" x2="{x + 36}" y1="{y - 4}" y2="{y - 4}" {_pen(name, servers).stroke}/>')
        parts.append(_text(x + 44, y, names.title(name), size=12))
    if not servers:
        parts.append(_text(60, bottom, "not measured yet", size=12))
    return _svg(bottom + (len(servers) + 1) // 2 * _LEGEND, title, parts)


def draw_series(title: str, unit: str, time: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return one line for each of *series*, whose points are a time and a value, above 0.

    Args:
        unit: what the values are.
        time: what the times are.
    """
    points = [point for each in series.values() for point in each]
    last = max((x for x, _ in points), default=0.0) or 1.0
    most = _round_up(max((y for _, y in points), default=1.0))
    left, width, bottom = 60, _WIDTH - 80, _TOP + _HEIGHT
    parts = [
        _text(10, 22, title, size=15, weight="bold"),
        _text(left, _TOP - 14, unit, size=12, weight="bold"),
    ]
    for n in range(5):
        y, x = bottom - _HEIGHT * n / 4, left + width * n / 4
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y:g}" y2="{y:g}" stroke="{_GRID}"/>')
        parts.append(_text(left - 6, round(y) + 4, f"{most * n / 4:,g}", size=11, anchor="end"))
        parts.append(_text(x, bottom + 18, f"{last * n / 4:.3g}", size=11, anchor="middle"))
    parts.append(_text(left + width / 2, bottom + 36, time, size=11, anchor="middle"))
    for number, (name, each) in enumerate(series.items()):
        pen, y = _Pen((_OURS, *_COLOURS)[number % (len(_COLOURS) + 1)], 2), bottom + 60
        path = " ".join(
            f"{left + width * x / last:.1f},{bottom - _HEIGHT * value / most:.1f}" for x, value in each
        )
        parts.append(f'<polyline points="{path}" fill="none" {pen.stroke}/>')
        x = left + number * 240
        parts.append(f'<line x1="{x}" x2="{x + 36}" y1="{y - 4}" y2="{y - 4}" {pen.stroke}/>')
        parts.append(_text(x + 44, y, name, size=12))
    return _svg(bottom + 80, title, parts)


def _pen(name: str, servers: Sequence[str]) -> _Pen:
    if name == BASELINE:
        return _Pen(_OURS, 3.5)
    plain = name.removesuffix("-same-duties")
    families = list(dict.fromkeys(one.removesuffix("-same-duties") for one in servers if one != BASELINE))
    return _Pen(_COLOURS[families.index(plain) % len(_COLOURS)], 2, dashed=name != plain)


def _round_up(value: float) -> float:
    """Return the next number of four times one, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0) / 4))
    return next(4 * step * power for step in (1, 2, 2.5, 5, 10) if 4 * step * power >= value)
