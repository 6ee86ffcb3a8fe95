"""What both APIs answer to the story."""

from typing import Any

import httpx

from core.demo_people import CUSTOMER, DEMO_PEOPLE, DemoPerson
from rest.v1.openapi_twins import shown_variables
from rest.v1.twins import TWINS, Variables
from tests.rest.leaving.story import PARTIAL, REFRESH_TOKEN, REFUSED, STEPS, Step
from tests.rest.twin_answers import ADDRESSES

Json = dict[str, Any]


def variables_of(step: Step) -> Variables:
    """Return the variables of the twin, without those that say nothing."""
    return shown_variables(TWINS[step.operation_id].variables(step.request))


def address_of(step: Step) -> tuple[str, str]:
    """Return the method, and the path with its query."""
    method, path = ADDRESSES[step.operation_id]
    target = httpx.URL(path.format_map(step.request.path), params=step.request.query or None)
    return method, target.raw_path.decode()


async def told_by_v1(http: httpx.AsyncClient) -> dict[str, httpx.Response]:
    """Tell the story to v1, and return its answers by the names of the steps."""
    tokens = {person: await _sign_in(http, person) for person in DEMO_PEOPLE}
    _, refresh_token = tokens[CUSTOMER]
    answers = {}
    for step in (*STEPS, *REFUSED):
        method, target = address_of(step)
        headers = dict(step.request.headers)
        if step.who:
            headers["Authorization"] = f"Bearer {tokens[step.who][0]}"
        body = _with_token(step.request.body, refresh_token)
        options = {} if body is None else {"json": body}
        answers[step.name] = await http.request(method, target, headers=headers, **options)
    return answers


async def told_by_graphql(http: httpx.AsyncClient) -> dict[str, Json]:
    """Tell the story to GraphQL, and return its answers; that of the partial one as ``partial``."""
    tokens = {person: await _sign_in(http, person) for person in DEMO_PEOPLE}
    _, refresh_token = tokens[CUSTOMER]
    asked = [
        (step.name, step.who, TWINS[step.operation_id].document, variables_of(step))
        for step in (*STEPS, *REFUSED)
    ]
    answers = {}
    for name, who, document, variables in (*asked, ("partial", CUSTOMER, PARTIAL, {})):
        body = {"query": document, "variables": _with_token(variables, refresh_token)}
        headers = {"Authorization": f"Bearer {tokens[who][0]}"} if who else {}
        answers[name] = (await http.post("/graphql", json=body, headers=headers)).json()
    return answers


async def _sign_in(http: httpx.AsyncClient, person: DemoPerson) -> tuple[str, str]:
    body = {"username": person.email, "password": person.password}
    pair = (await http.post("/api/v1/auth/login", json=body)).json()
    return pair["access_token"], pair["refresh_token"]


def _with_token(value: Any, refresh_token: str) -> Any:
    """Return *value* with the token in the place of what stands for it."""
    if isinstance(value, dict):
        return {name: _with_token(part, refresh_token) for name, part in value.items()}
    return refresh_token if value == REFRESH_TOKEN else value
