"""What ``/metrics`` tells: the truth, of all processes, and nothing of what clients write.

Against real processes: an API of two, and workers that have a port of their own for it.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from core.errors import ErrorCode
from core.metrics import METHODS
from dev.ports import LOOPBACK, free_port
from graph.schema import build_schema
from rest.v1 import routes
from tests.clients.service import Process, Service, answering, running_service
from tests.conftest import ClientWith
from tests.servers import frozen, until
from tests.test_layers import ROOT

pytestmark = pytest.mark.anyio

TOKEN = "a token of those who look after it"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
PLACE = """mutation A_text_of_a_client($input: CreateOrderInput!) {
  another_text: createOrder(input: $input) { order { id } errors { code } }
}"""
ORDER = {"items": [{"productId": "UHJvZHVjdDox", "quantity": 1}], "shippingAddress": "1 Main Street"}
Samples = dict[str, list[tuple[dict[str, str], float]]]


class System:
    """The demo's service, with one more API of two processes, all of which tell their metrics."""

    def __init__(self, service: Service, api: Process, worker: str) -> None:
        self.service = service
        self.api = api
        self.worker = worker

    async def scrape(self, address: str = "") -> Samples:
        """Return the samples that are told, by name; on a new connection, so that any process may answer."""
        async with httpx.AsyncClient(headers=AUTHORIZATION, timeout=60) as http:
            answer = await http.get(f"http://{address or self.api.address}/metrics")
        assert answer.status_code == 200, answer.text
        return samples(answer.text)

    async def scrape_all(self) -> Samples:
        """Return what both processes of the API tell: one that is slow to answer is left out of a scrape."""
        found: Samples = {}

        async def is_whole() -> bool:
            nonlocal found
            found = await self.scrape()
            return len(processes(found)) == 2

        await until(is_whole)
        return found

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request on a connection of its own."""
        async with httpx.AsyncClient(timeout=60) as http:
            return await http.request(method, f"http://{self.api.address}{path}", **options)

    async def graphql(self, query: str, token: str | None = None, **body: Any) -> Any:
        """Return the answer to an operation."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.request("POST", "/graphql", json={"query": query, **body}, headers=headers)
        return answer.json()


def samples(text: str) -> Samples:
    """Return what a text in Prometheus' format holds; no family may stand in it twice."""
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    found: Samples = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def total(found: Samples, name: str, /, **labels: str) -> float:
    """Return the sum over the samples that have these labels."""
    return sum(value for has, value in found.get(name, ()) if labels.items() <= has.items())


def increase(before: Samples, after: Samples, name: str, /, **labels: str) -> float:
    """Return by how much the sum has grown."""
    return total(after, name, **labels) - total(before, name, **labels)


def processes(found: Samples) -> set[str]:
    """Return the processes that tell of themselves."""
    return {labels["process"] for labels, _ in found["process_start_time_seconds"]}


@pytest.fixture(scope="module")
def system(postgres_url: str) -> Iterator[System]:
    worker = f"{LOOPBACK}:{free_port()}"
    settings = {"TANDEM_METRICS": "true", "TANDEM_METRICS_TOKEN": TOKEN, "TANDEM_WORKER_METRICS": worker}
    with ExitStack() as stack:
        service = stack.enter_context(running_service(postgres_url, **settings))
        api = stack.enter_context(answering(service.environment, "--workers", "2"))
        asyncio.run(until(lambda: all_answer(api), seconds=90))
        yield System(service, api, worker)


async def get(url: str, headers: dict[str, str]) -> httpx.Response:
    """Send a request on a connection of its own."""
    async with httpx.AsyncClient(timeout=60) as http:
        return await http.get(url, headers=headers)


async def all_answer(api: Process) -> bool:
    """Tell whether both processes are there."""
    try:
        answer = await get(f"http://{api.address}/metrics", AUTHORIZATION)
    except httpx.TransportError:
        return False
    return len(processes(samples(answer.text))) == 2


async def test_whichever_process_answers_tells_of_all(system: System) -> None:
    before = await system.scrape_all()
    for _ in range(20):
        await system.request("GET", "/api/v1/products")
        await system.graphql(
            "{ products(first: 1) { nodes { name } } again: products(first: 2) { totalCount } }"
        )
        await system.graphql(
            "query ($id: ID!) { ...A } fragment A on Query { product(id: $id) { name } me { id } }"
        )
    for _ in range(6):
        after = await system.scrape_all()
        more = partial(increase, before, after)
        assert (
            more("tandem_requests_total", face="rest", operation="listProducts", method="GET", status="200")
            == 20
        )
        assert more("tandem_requests_total", face="graphql", operation="", method="POST") == 40
        assert more("tandem_request_seconds_count", face="rest", operation="listProducts") == 20
        assert more("tandem_graphql_seconds_count", field="Query.products") == 20
        # Its variable is missing, which is found out when it is known what is asked for.
        assert more("tandem_graphql_seconds_count", field="Query.product") == 20
        assert more("tandem_graphql_seconds_count", field="Query.me") == 20
        assert more("tandem_errors_total", face="graphql", code="VALIDATION_ERROR") == 20
        assert {(labels["state"], value) for labels, value in after["tandem_processes"]} == {
            ("answering", 2),
            ("silent", 0),
        }
        assert len(processes(after)) == 2


async def test_no_text_of_a_client_becomes_a_label(system: System) -> None:
    texts = [f"client{number}" for number in range(10)]
    for text in texts:
        await system.request(text.upper(), f"/api/v1/{text}")
        await system.request("GET", f"/{text}", headers={"Authorization": f"Bearer {text}"})
        await system.request("GET", f"/api/v1/orders/{text}")
        await system.graphql(f"query {text} {{ {text}: __typename }}", operationName=text)
        await system.graphql(f"{{ {text} }}")
        await system.graphql(f"{{ me {{ {text} }} }}", extensions={"code": text})
        await system.request(
            "POST", "/graphql", content=text, headers={"Content-Type": f"application/{text}"}
        )
    found = await system.scrape_all()
    values: dict[str, set[str]] = {}
    for name, told in found.items():
        if name.startswith("tandem_"):
            for labels, _ in told:
                for label, value in labels.items():
                    values.setdefault(label, set()).add(value)
    assert not [value for told in values.values() for value in told if "client" in value.lower()]
    schema = build_schema()._schema
    roots = {
        "Query": schema.query_type,
        "Mutation": schema.mutation_type,
        "Subscription": schema.subscription_type,
    }
    known = {f"{name}.{field}" for name, root in roots.items() if root for field in root.fields}
    assert values["field"] <= known | {"Query.__typename", "Query.__schema", "Query.__type"}
    assert values["operation"] <= {str(route.operation_id) for route in routes.routes} | {""}
    assert values["method"] <= METHODS | {"other"}
    assert values["code"] <= {code.value for code in ErrorCode}
    assert values["face"] == {"graphql", "rest", "other"}


async def test_a_worker_tells_what_it_does_and_the_api_what_waits(system: System) -> None:
    token = system.service.sign_in()
    placed = await system.graphql(PLACE, token, variables={"input": ORDER})
    assert not placed["data"]["another_text"]["errors"]
    cancel = "mutation ($id: ID!) { cancelOrder(input: {id: $id}) { errors { code } } }"
    order_id = placed["data"]["another_text"]["order"]["id"]

    async def is_settled() -> bool:
        return bool(total(await system.scrape(system.worker), "tandem_orders_total", status="completed"))

    await until(is_settled)
    await system.graphql(cancel, token, variables={"id": order_id})
    worker = await system.scrape(system.worker)
    assert total(worker, "tandem_order_attempts_total", outcome="settled") >= 1
    assert total(worker, "tandem_messages_total", queue="tandem:tasks", event="delivered") >= 1
    assert total(worker, "tandem_batch_items_total", name="Orders being processed") >= 1
    assert total(worker, "tandem_sweeps_total", outcome="done") >= 1
    assert total(worker, "tandem_sweep_last_success_timestamp_seconds") > 0
    assert total(worker, "tandem_database_connections") >= 1
    assert len(processes(worker)) == 1

    async def is_read() -> bool:
        api = await system.scrape()
        return (
            total(api, "tandem_backlog_readable") == 2
            and total(api, "tandem_workers", queue="tandem:tasks") == 1
        )

    await until(is_read)
    api = await system.scrape_all()
    assert total(api, "tandem_orders_total", status="pending") >= 1
    assert total(api, "tandem_errors_total", face="graphql", code="ORDER_NOT_CANCELLABLE") == 1
    assert total(api, "tandem_database_connections_max") == 2 * 20
    assert {labels["status"] for labels, _ in api["tandem_orders_open"]} == {"pending", "processing"}
    assert {labels["queue"] for labels, _ in api["tandem_dead_letters"]} == {
        "tandem:tasks",
        "tandem:tasks:mail",
    }
    # What is true of the whole system is told once, by no process.
    assert all(
        "process" not in labels
        for name in ("tandem_orders_open", "tandem_workers")
        for labels, _ in api[name]
    )


async def test_a_frozen_process_is_said_to_be_silent_and_the_others_are_told(system: System) -> None:
    one, other = sorted(processes(await system.scrape_all()))
    with frozen(int(one.removeprefix("api-"))):
        found = await system.scrape()
    assert processes(found) == {other}
    assert total(found, "tandem_processes", state="silent") == 1
    assert processes(await system.scrape_all()) == {one, other}


async def test_the_series_of_a_process_end_with_it(system: System) -> None:
    one, other = sorted(processes(await system.scrape_all()))
    os.kill(int(one.removeprefix("api-")), signal.SIGKILL)

    async def is_replaced() -> bool:
        try:
            now = processes(await system.scrape())
        except httpx.TransportError:
            return False
        return other in now and one not in now and len(now) == 2

    await until(is_replaced)
    # Its own series began anew, so Prometheus takes none of them for a counter that has gone on.
    found = await system.scrape_all()
    assert all(one not in labels.values() for told in found.values() for labels, _ in told)
    assert total(found, "tandem_processes", state="silent") == 0


async def test_nobody_reads_them_without_the_token(system: System) -> None:
    for address in (system.api.address, system.worker):
        for headers in ({}, {"Authorization": "Bearer another"}, {"Authorization": f"Basic {TOKEN}"}):
            answer = await get(f"http://{address}/metrics", headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "tandem_" not in answer.text
    assert (await get(f"http://{system.worker}/graphql", AUTHORIZATION)).status_code == 404


async def test_they_are_off_unless_switched_on(client_with: ClientWith) -> None:
    client = await client_with()
    assert (await client.rest.get("/metrics")).status_code == 404


def documented() -> dict[str, set[str]]:
    """Return the series that ``docs/operations.md`` lists, with their labels."""
    text = (ROOT / "docs/operations.md").read_text()
    rows = re.findall(r"^\| `((?:tandem|process|python)_\w+)` \|[^|]*\|([^|]*)\|", text, re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows})
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def base(name: str) -> str:
    """Return the series that one of a histogram belongs to."""
    return re.sub(r"_(bucket|count|sum)$", "", name)


async def exported(system: System) -> dict[str, set[str]]:
    """Return all series that the processes export at this moment, with their labels."""
    found: dict[str, set[str]] = {}
    for address in (system.api.address, system.worker):
        for name, told in (await system.scrape(address)).items():
            for labels, _ in told:
                found.setdefault(base(name), set()).update(labels.keys() - {"le"})
    return found


async def test_the_documentation_lists_what_is_exported(system: System) -> None:
    # By now each series with labels has had something to tell of.
    await system.graphql(PLACE, system.service.sign_in(), variables={"input": ORDER})
    await system.request("GET", "/api/v1/nothing")

    async def is_complete() -> bool:
        return documented() == await exported(system)

    with suppress(AssertionError):
        await until(is_complete)
    assert documented() == await exported(system)


#: What names no series in a query: texts, selectors of labels, ranges, and what groups.
_NO_SERIES = re.compile(
    r"\"[^\"]*\"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right) ?\([^)]*\)"
)
_KEYWORDS = {"and", "or", "unless", "bool", "offset"}


def series_of(query: str) -> set[str]:
    """Return the names of the series in a query of PromQL: words before which no function's parenthesis opens."""
    words = re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", _NO_SERIES.sub(" ", query))
    return {base(word) for word in words} - _KEYWORDS


def labels_of(query: str) -> set[str]:
    """Return the labels that a query looks at."""
    named = {
        label for inside in re.findall(r"\{([^}]*)\}", query) for label in re.findall(r"(\w+)\s*[=!]", inside)
    }
    grouped = re.findall(r"(?:by|without|on|ignoring) ?\(([^)]*)\)", query)
    return named | {label.strip() for inside in grouped for label in inside.split(",") if label.strip()}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "docs/alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((ROOT / "docs/grafana-dashboard.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    """Return what the alerts and the dashboard ask Prometheus."""
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*(str(rule["expr"]) for rule in alerts()), *shown]


def test_alerts_and_dashboard_ask_for_what_there_is() -> None:
    known = documented()
    #: What Prometheus itself adds.
    of_prometheus = {"job", "instance", "le"}
    assert len(queries()) > 30
    for query in queries():
        asked = series_of(query)
        assert asked, query
        assert asked <= known.keys() | {"up"}, query
        allowed = of_prometheus.union(*(known.get(name, set()) for name in asked))
        assert labels_of(query) <= allowed, query


def test_every_alert_says_what_to_do() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert f"`{rule['alert']}`" in text, rule["alert"]


def test_the_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")
def test_prometheus_takes_the_alerts() -> None:
    command = ["promtool", "check", "rules", str(ROOT / "docs/alerts.yml")]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
