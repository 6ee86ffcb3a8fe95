"""``python -m benchmarks profile``: where Tandem's own processor time goes while it answers a workload."""

import argparse
import asyncio
import json
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.load import Plan
from benchmarks.rounds import load_once
from benchmarks.servers import BY_NAME as SERVERS
from benchmarks.servers import ROOT, start
from benchmarks.stage import CACHE, Stage, prepare, stage
from benchmarks.workloads import BY_NAME as WORKLOADS
from benchmarks.workloads import Viewer, find_viewers, requests_for

Samples = Sequence[tuple[str, str, int]]
"""File, function and how often it was found running."""

_SHOWN = 12
_WARM_UP = 1.0


def main(arguments: Sequence[str]) -> int:
    """Profile, print where the time goes, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks profile", description=__doc__)
    parser.add_argument("--workload", default="me", choices=list(WORKLOADS))
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--shown", type=int, default=30, help="functions to show (30)")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args(arguments)
    with stage(options.cache) as on:
        prepare(on)
        viewers = asyncio.run(find_viewers(on.settings.database_url, on.token))
        samples = profile(on, options.workload, viewers, options.connections, options.seconds)
    print(table(samples, shown=options.shown))
    return 0


def profile(on: Stage, workload: str, viewers: Sequence[Viewer], connections: int, seconds: float) -> Samples:
    """Return what a server of its own was found doing under this load."""
    path = (on.cache / "logs" / "profile.json").absolute()
    path.unlink(missing_ok=True)
    tandem = SERVERS["tandem"]
    profiled = replace(tandem, name="tandem-profiled", wrapper=("benchmarks.profiled_server", str(path)))
    running = start(profiled, on, allowed=None)
    try:
        requests = requests_for(WORKLOADS[workload], "graphql", viewers)
        plan = Plan(running.port, running.process.pid, requests, connections, 0.0, _WARM_UP)
        load_once(running, plan)
        running.process.send_signal(signal.SIGUSR1)
        load_once(running, replace(plan, seconds=seconds))
    finally:
        running.stop()
    found: Samples = json.loads(path.read_text())
    return found


def table(samples: Samples, *, shown: int = _SHOWN) -> str:
    """Return in Markdown the share of each package, and of the functions that take most."""
    total = sum(count for _, _, count in samples) or 1
    packages: Counter[str] = Counter()
    for file, _, count in samples:
        packages[package_of(file)] += count
    lines = ["| package | share |", "| --- | ---: |"]
    lines += [f"| `{name}` | {count / total:.1%} |" for name, count in packages.most_common(shown)]
    lines += ["", "| function | package | share |", "| --- | --- | ---: |"]
    most = sorted(samples, key=lambda sample: -sample[2])[:shown]
    lines += [f"| `{name}` | `{package_of(file)}` | {count / total:.1%} |" for file, name, count in most]
    return "\n".join(lines)


def package_of(file: str) -> str:
    """Return what a source file belongs to: a folder of ours, a package that is installed, or Python itself."""
    path = Path(file)
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
    if path.is_relative_to(ROOT):
        parts = path.relative_to(ROOT).with_suffix("").parts
        return "/".join(parts[:2] if len(parts) > 2 else parts)
    return "made at run time" if file.startswith("<") else "Python"
