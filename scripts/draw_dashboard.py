"""Draws what the queries of docs/grafana-dashboard.json return, as a page: a look at the numbers without Grafana.

    python scripts/draw_dashboard.py http://127.0.0.1:9090 dashboard.html --minutes 10

Every line is from Prometheus, evaluated as Grafana would; only the drawing is this script's.
"""

import argparse
import html
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

DASHBOARD = Path(__file__).parents[1] / "docs/grafana-dashboard.json"
#: Points of a line.
POINTS = 120
#: Pixels of a cell of Grafana's grid, and of a panel's margins.
CELL_X, CELL_Y, LEFT, TOP, BOTTOM = 58, 38, 62, 30, 62
COLOURS = (
    "#56a64b",
    "#e0b400",
    "#3274d9",
    "#ff780a",
    "#e02f44",
    "#a352cc",
    "#37a2b4",
    "#8f3bb8",
    "#c15c17",
    "#6d7d8b",
)
STYLE = """
body { margin: 0; background: #111217; color: #d0d2d8; font: 12px sans-serif }
h1 { font-size: 18px; margin: 12px 16px } main { position: relative }
svg { position: absolute; background: #181b1f; border: 1px solid #2a2d33; border-radius: 2px }
text { fill: #d0d2d8; font-size: 11px } .title { font-weight: 600; font-size: 13px } .row { font-size: 15px }
"""

Line = tuple[str, list[tuple[float, float]]]


def query(server: str, expression: str, minutes: float, end: float) -> list[dict[str, Any]]:
    """Return the series of an expression over the last minutes, as Prometheus has them."""
    parameters = {
        "query": expression.replace("$__rate_interval", "1m"),
        "start": end - minutes * 60,
        "end": end,
        "step": minutes * 60 / POINTS,
    }
    with urlopen(f"{server}/api/v1/query_range?{urlencode(parameters)}", timeout=30) as answer:  # noqa: S310
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def lines_of(server: str, panel: dict[str, Any], minutes: float, end: float) -> list[Line]:
    """Return the lines of a panel, each with its legend."""
    lines: list[Line] = []
    for target in panel["targets"]:
        for series in query(server, target["expr"], minutes, end):
            legend = target["legendFormat"]
            for label, value in series["metric"].items():
                legend = legend.replace("{{" + label + "}}", value)
            points = [(at, float(value)) for at, value in series["values"] if value != "NaN"]
            lines.append((legend, points))
    return lines


def shown(value: float, unit: str) -> str:
    """Return a number as people read it."""
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    if unit == "percentunit":
        return f"{value * 100:.2g} %"
    if unit == "s" and 0 < value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:,.3g}{' s' if unit == 's' else ''}" if value < 1000 else f"{value:,.0f}"


def draw(panel: dict[str, Any], lines: list[Line], start: float, end: float) -> Iterator[str]:
    """Return the elements of a panel."""
    place, unit = panel["gridPos"], panel["fieldConfig"]["defaults"].get("unit", "short")
    width, height = place["w"] * CELL_X - 8, place["h"] * CELL_Y - 8
    yield f'<text class="title" x="10" y="19">{html.escape(panel["title"])}</text>'
    if panel["type"] == "stat":
        value = lines[0][1][-1][1] if lines and lines[0][1] else None
        text = "no data" if value is None else shown(value, unit)
        yield f'<text x="{width / 2}" y="{height / 2 + 24}" text-anchor="middle" style="font-size:38px">{text}</text>'
        return
    top = max((value for _, points in lines for _, value in points), default=0) or 1
    right, bottom = width - 12, height - BOTTOM
    for part in (0, 0.5, 1):
        y = bottom - part * (bottom - TOP)
        yield f'<path d="M{LEFT} {y}H{right}" stroke="#2f333a"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{shown(part * top, unit)}</text>'
    x = y = 0.0
    for number, (legend, points) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(
            f"{LEFT + (at - start) / (end - start) * (right - LEFT):.1f},{bottom - value / top * (bottom - TOP):.1f}"
            for at, value in points
        )
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        if x + 7 * len(legend) + 24 > width:
            x, y = 0.0, y + 14
        if y <= BOTTOM - 24:
            yield f'<rect x="{10 + x}" y="{bottom + 14 + y}" width="10" height="3" fill="{colour}"/>'
            yield f'<text x="{24 + x}" y="{bottom + 20 + y}">{html.escape(legend)}</text>'
        x += 7 * len(legend) + 28
    if not lines:
        yield f'<text x="{width / 2}" y="{height / 2}" text-anchor="middle">no data</text>'


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("prometheus", help="address of a Prometheus that scrapes Tandem")
    parser.add_argument("output", type=Path, help="the page to write")
    parser.add_argument("--minutes", type=float, default=10, help="how far to look back")
    options = parser.parse_args()
    dashboard, end = json.loads(DASHBOARD.read_text()), time.time()
    parts = []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        left, top = place["x"] * CELL_X + 12, place["y"] * CELL_Y
        style = f"left:{left}px;top:{top}px"
        if panel["type"] == "row":
            parts.append(
                f'<div class="row" style="position:absolute;{style}"><b>{html.escape(panel["title"])}</b></div>'
            )
            continue
        lines = lines_of(options.prometheus, panel, options.minutes, end)
        inside = "".join(draw(panel, lines, end - options.minutes * 60, end))
        size = f'width="{place["w"] * CELL_X - 8}" height="{place["h"] * CELL_Y - 8}"'
        parts.append(f'<svg {size} style="{style}">{inside}</svg>')
    title = html.escape(dashboard["title"])
    options.output.write_text(
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
        f"<main>{''.join(parts)}</main>\n"
    )


if __name__ == "__main__":
    main()
