"""Many random cases through the executor and graphql-core: ``make compare ARGS="--cases 20000 --seed 7"``.

The cases are numbered from ``seed * 1,000,000``, and a number is always the same case, so that ``--case N``
runs one again. A case that fails is made smaller and shown with both answers; the process ends with 1.
Afterwards the project's own schema has its turn, over a database of its own, and so have the operations of REST v1
beside their GraphQL twins.
"""

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import warnings
from collections import Counter

from rich.progress import track

from tests.engine.graphql.cases import Case, Verdict, described, judge
from tests.engine.graphql.reduction import reduced

SEED_STEP = 1_000_000
#: Failures that are made smaller and shown; a defect has many.
SHOWN = 5
#: A case takes milliseconds; but a busy machine can stand still for a while.
SECONDS_PER_CASE = 300
OWN_SCHEMA = "tests/graph/test_execution.py"
TWINS = "tests/rest/test_twins.py"


async def _judge(case: Case) -> Verdict:
    try:
        async with asyncio.timeout(SECONDS_PER_CASE):
            return await judge(case)
    except TimeoutError:
        return Verdict(case, ["it never ends"])
    except Exception as error:
        return Verdict(case, [f"raised {error!r}"])


async def _fails(case: Case) -> bool:
    return bool((await _judge(case)).problems)


async def _run(numbers: list[int]) -> int:
    kinds: Counter[str] = Counter()
    failures = 0
    for number in track(numbers, "Comparing with graphql-core"):
        verdict = await _judge(Case.of(number))
        kinds.update(verdict.kinds)
        if not verdict.problems:
            continue
        failures += 1
        if failures <= SHOWN:
            smaller = await _judge(await reduced(verdict.case, _fails))
            print("\n" + described(smaller if smaller.problems else verdict) + "\n", flush=True)
    print(
        f"{len(numbers)} cases, {failures} failures; "
        + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    )
    return failures


def _run_tests(path: str, cases: int, seed: int) -> int:
    environment = os.environ | {"TANDEM_COMPARE_CASES": str(cases), "TANDEM_COMPARE_SEED": str(seed)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        path,
        f"--hypothesis-seed={seed}",
        "--hypothesis-show-statistics",
    ]
    return subprocess.run(command, env=environment, check=False).returncode


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(prog="make compare", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="run this one alone")
    parser.add_argument("--own-cases", type=int, default=2_000, help="cases of the project's schema")
    parser.add_argument("--twin-cases", type=int, default=10_000, help="requests to REST v1 and its twins")
    options = parser.parse_args()
    # graphql-core leaves coroutines behind where a synchronous error comes first.
    warnings.simplefilter("ignore", RuntimeWarning)
    if options.case is not None:
        return 1 if asyncio.run(_run([options.case])) else 0
    gc.freeze()
    start = options.seed * SEED_STEP
    failures = asyncio.run(_run(list(range(start, start + options.cases))))
    wanted = {OWN_SCHEMA: options.own_cases, TWINS: options.twin_cases}
    failed = [path for path, cases in wanted.items() if cases and _run_tests(path, cases, options.seed)]
    return 1 if failures or failed else 0


if __name__ == "__main__":
    sys.exit(main())
