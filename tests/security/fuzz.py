"""Attacks and public tools against real servers, as ``make fuzz`` runs them: ``python -m tests.security.fuzz``.

Servers over one database with the sample data: two as in development, one of them with generous limits, whose schema
schemathesis reads to make its requests from, and one as in production, from which clairvoyance must recover nothing and
in which vamp-graphql-audit must find nothing. Rate limits are off, so that it is not they who save us. Exit code 1 when
a tool finds something.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from core.demo_people import ADMIN
from dev import EmbeddedPostgres
from dev.ports import LOOPBACK, free_port
from dev.processes import spawn
from dev.roles import prepare_roles
from tests.security.attacks import Target, attack_all
from tests.servers import NO_LIMITS, own_valkey

ROOT = Path(__file__).parents[2]
#: schemathesis wants all documents accepted that fit the schema, and some of those it makes are costly or deep.
GENEROUS = {"TANDEM_GRAPHQL_MAX_COST": "1000000000", "TANDEM_GRAPHQL_MAX_DEPTH": "100"}
SECRET = "a secret of the tools' targets, long enough to be one"
#: Only they can lock anybody out.
COUNTED = {"TANDEM_SIGN_IN_LIMIT_ACCOUNT": "10", "TANDEM_SIGN_IN_LIMIT_ADDRESS": "50"}
ACCOUNT = {"username": ADMIN.email, "password": ADMIN.password}
START_SECONDS = 60
TOOL_SECONDS = 540
#: A line of the log that tells an error, as production and development write it.
_ERROR = re.compile(r'\{"time":"[^"]*","level":"(error|critical)"|\S+ (ERROR|CRITICAL) ')
#: For one more request to each operation.
SECONDS_OF_EXAMPLE = 15
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
#: What somebody who knows shops would guess, among words that are right.
WORDS = Path(__file__).parent / "words.txt"
#: What vamp-graphql-audit finds and is meant to be so, with the reason.
EXPECTED = {
    "Insecure Transport": "TLS is for the proxy in front; the tool calls 127.0.0.1",
    "APQ Enabled — PersistedQueryNotFound": "meant to be: docs/graphql.md, Persisted documents",
    "APQ Store and Retrieve": "meant to be: a hash is checked, so nothing can be stored under another's",
    "GQL-APOLLO-001 Fragment Amplification": "its 15 fragments form a chain of 16 fields, answered in milliseconds",
    "GQL-HASURA-001 Row-Level Permission Bypass": "this is no Hasura: its header is not read, and __typename is public",
    "GQL-HOTCHOC-001 Recursive Fragment DoS": "refused at once ('Cannot spread fragment within itself')",
    "Introspection Disabled": "meant to be",
    "GraphQL Endpoint Exposed": "meant to be",
}


@contextmanager
def targets() -> Iterator[tuple[list[str], Target]]:
    """Yield the addresses of the generous server, of the one as in development, and of the one as in production.

    And another one as in production, which counts sign-ins and has a worker: for attacks of our own.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-fuzz-")))
        folder.chmod(0o755)
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres", durable=False))
        roles = asyncio.run(prepare_roles(postgres.url()))
        clean = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
        common = (
            clean
            | NO_LIMITS
            | {
                "TANDEM_DATABASE_URL": roles.app,
                "TANDEM_REDIS_URL": stack.enter_context(own_valkey()).url(),
                "TANDEM_DATA_DIR": str(folder),
                "TANDEM_SECRET_KEY": SECRET,
                "TANDEM_PASSWORD_HASH_ROUNDS": "4",
                "TANDEM_ACCESS_TOKEN_SECONDS": str(24 * 3600),
            }
        )
        log = stack.enter_context((folder / "log").open("wb"))

        def start(environment: str, *arguments: str, **limits: str) -> subprocess.Popen[bytes]:
            process = spawn(
                [sys.executable, "-m", "cli", *arguments],
                env=common | limits | {"TANDEM_ENVIRONMENT": environment},
                cwd=ROOT,
                output=log.fileno(),
            )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            return process

        for command in ("migrate", "demo"):
            owner = {"TANDEM_DATABASE_OWNER_URL": roles.owner}
            if start("development", command, **owner).wait(START_SECONDS):
                raise SystemExit((folder / "log").read_text())
        addresses = []
        for environment, limits in (("development", GENEROUS), ("development", {}), ("production", {})):
            port = free_port()
            start(environment, "serve", "--port", str(port), **limits)
            addresses.append(f"http://{LOOPBACK}:{port}")
            _wait_for(addresses[-1])
        start("production", "worker")
        attacked = start("production", "serve", "--port", str(port := free_port()), **COUNTED)
        target = Target(f"http://{LOOPBACK}:{port}", attacked.pid, common["TANDEM_REDIS_URL"], folder / "log")
        _wait_for(target.address)
        yield addresses, target
        failures = [line for line in (folder / "log").read_text().splitlines() if _ERROR.match(line)]
        sys.stdout.write("\n".join(["", f"{len(failures)} errors in the log", *failures[:20], ""]))


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/health/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{address} does not answer")


def run(command: list[str | Path], *, seconds: int = TOOL_SECONDS, **environment: str) -> tuple[int, str]:
    """Run one tool for so many seconds at most; return its exit code and what it printed."""
    sys.stdout.write(f"\n$ {' '.join(map(str, command))}\n")
    sys.stdout.flush()
    done = subprocess.run(
        command,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=tempfile.gettempdir(),
    )
    return done.returncode, done.stdout + done.stderr


def sign_in(address: str) -> str:
    """Return an access token, good for all runs: the requests of one may change the address of who signs in."""
    answer = httpx.post(f"{address}/api/v1/auth/login", json=ACCOUNT).raise_for_status()
    return str(answer.json()["access_token"])


def schemathesis(tools: Path, address: str, token: str, path: str, examples: int, seed: int = 1) -> bool:
    """Have requests made from a schema, well-formed and not; none may break anything or be answered off the schema.

    One check is replaced: on GraphQL the tool takes every error of a field for one of the server; ``hooks.py`` tells
    ours by their codes. On REST ``schemathesis.toml`` tells which of the input that fits the schema may be refused.
    """
    graphql = path == "/graphql"
    code, output = run(
        [
            tools / "schemathesis",
            *("--config-file", CONFIGURATION),
            *("run", f"{address}{path}"),
            *("--header", f"Authorization: Bearer {token}"),
            *("--max-examples", str(examples)),
            *("--seed", str(seed)),
            *("--phases", "examples,coverage,fuzzing"),
            *(("--exclude-checks", "not_a_server_error") if graphql else ()),
            # They end the sign-in of the run, or the account.
            *(("--exclude-name-regex", "logout|revoke|delete|setUser|[pP]assword") if graphql else ()),
            *("--suppress-health-check", "all"),
            "--continue-on-failure",
        ],
        seconds=TOOL_SECONDS + SECONDS_OF_EXAMPLE * examples,
        SCHEMATHESIS_HOOKS="hooks",
        PYTHONPATH=str(Path(__file__).parent),
    )
    sys.stdout.write(output[-12_000:])
    return code == 0


def clairvoyance(tools: Path, development: str, production: str) -> bool:
    """Have the schema guessed: from development, to see that the tool can, and from production, where it must not."""
    return bool(_guess(tools, development)) and not _guess(tools, production)


def _guess(tools: Path, address: str) -> set[str]:
    """Return those names of our types that clairvoyance finds out."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "schema.json")
        code, output = run(
            [tools / "clairvoyance", f"{address}/graphql", "-w", WORDS, "-o", found, "-m", "1"]
        )
        schema = json.loads(found.read_text()) if found.exists() else {}
    types = schema.get("data", {}).get("__schema", {}).get("types", [])
    text = (ROOT / "schema.graphql").read_text()
    ours = set(re.findall(r"^(?:type|enum|input|interface|scalar) (\w+)", text, re.MULTILINE))
    names = {str(kind["name"]) for kind in types} & ours
    words = output.strip().splitlines()
    sys.stdout.write(
        f"exit code {code}; {len(names)} types recovered: {sorted(names)}\n{words[-1] if words else ''}\n"
    )
    return names


def vamp(tools: Path, address: str) -> bool:
    """Have an auditor look for the usual weaknesses."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        run([tools / "vamp-graphql-audit", "--target", f"{address}/graphql", "--json", report])
        findings = json.loads(report.read_text())["findings"]
    unexpected = 0
    for finding in findings:
        reason = EXPECTED.get(finding["type"])
        unexpected += reason is None
        sys.stdout.write(f"{finding['severity']:8}  {finding['type']}: {reason or finding['title']}\n")
    return not unexpected


def main() -> int:
    """Run all of them, print a summary, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tools", type=Path, help="folder of the tools' commands; without it, our own attacks alone"
    )
    parser.add_argument("--examples", type=int, default=20, help="requests for each operation")
    parser.add_argument("--seeds", type=int, default=1, help="runs over REST, each with other requests")
    arguments = parser.parse_args()
    examples: int = arguments.examples
    with targets() as ((generous, development, production), target):
        outcomes = attack_all(target)
        if arguments.tools:
            tools: Path = arguments.tools.absolute()
            token = sign_in(generous)
            outcomes |= {
                "schemathesis /graphql": schemathesis(tools, generous, token, "/graphql", examples),
                **{
                    f"schemathesis /openapi.json, seed {seed}": schemathesis(
                        tools, generous, token, "/openapi.json", examples, seed
                    )
                    for seed in range(1, arguments.seeds + 1)
                },
                "clairvoyance": clairvoyance(tools, development, production),
                "vamp-graphql-audit": vamp(tools, production),
            }
    sys.stdout.write("\n")
    for name, passed in outcomes.items():
        sys.stdout.write(f"{'passed' if passed else 'FAILED'}  {name}\n")
    return int(not all(outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
