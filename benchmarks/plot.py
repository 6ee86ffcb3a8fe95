"""The picture: for each workload one bar a server, as SVG (W3C SVG 1.1) without any library."""

from collections.abc import Mapping
from html import escape

from benchmarks.results import BASELINE, Rounds, Summary, summarise

_WIDTH, _BAR, _GAP, _HEAD, _LABELS, _VALUES = 900, 20, 6, 46, 300, 230
_OURS, _THEIRS, _INK, _SPREAD = "#0b6e4f", "#9aa5b1", "#1f2933", "#d64545"


def draw(rounds: Rounds, titles: Mapping[str, str]) -> str:
    """Return a drawing of the medians, with a thin line from the slowest to the fastest round.

    Args:
        titles: what to call workloads and servers.
    """
    parts: list[str] = []
    top = 10
    for workload, servers in rounds.items():
        summaries = {server: summarise(results) for server, results in servers.items()}
        fastest_first = sorted(summaries, key=lambda name: -summaries[name].rate)
        widest = max((one.highest for one in summaries.values()), default=0.0) or 1.0
        parts.append(_text(10, top + 16, f"{workload}: {titles.get(workload, '')}", size=15, weight="bold"))
        parts.append(_text(10, top + 34, "requests per second, more is better", size=11))
        for index, name in enumerate(fastest_first):
            y = top + _HEAD + index * (_BAR + _GAP)
            parts.append(_bar(y, name, titles.get(name, name), summaries[name], widest))
        top += _HEAD + len(servers) * (_BAR + _GAP) + 24
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}"'
        f' font-family="system-ui, sans-serif" fill="{_INK}">\n'
        f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
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
