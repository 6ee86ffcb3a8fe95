"""The OpenAPI document: valid and complete."""

from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from tests.client import Client
from tests.factories import PASSWORD, make_user
from tests.rest.conformance import check_keys

pytestmark = pytest.mark.anyio

Operations = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
async def operations(app: FastAPI) -> Operations:
    """Path, method and description of every operation."""
    paths = app.openapi()["paths"]
    return [
        (path, method, operation) for path, methods in paths.items() for method, operation in methods.items()
    ]


async def test_it_is_valid_and_served(client: Client) -> None:
    served = (await client.rest.get("/openapi.json")).json()
    assert served == orjson.loads(orjson.dumps(client.app.openapi()))
    validate(served, cls=OpenAPIV31SpecValidator)
    assert served["info"]["title"] == "Tandem"
    assert "HTTPValidationError" not in served["components"]["schemas"]


async def test_operations_are_named_grouped_and_explained(operations: Operations) -> None:
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids) == 15
    for _, _, operation in operations:
        assert operation["operationId"].isalpha()
        assert len(operation["tags"]) == 1
        assert operation["summary"]
        assert operation["description"]


async def test_every_answer_documents_its_headers(operations: Operations) -> None:
    for _, _, operation in operations:
        for status, response in operation["responses"].items():
            assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(
                response["headers"]
            )
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))
            assert ("WWW-Authenticate" in response["headers"]) == (status == "401")


async def test_every_success_has_an_example(app: FastAPI, operations: Operations) -> None:
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for _, _, operation in operations:
        for status, response in operation["responses"].items():
            if status in {"200", "201"}:
                schema = response["content"]["application/json"]["schema"]
                (example,) = schemas[schema["$ref"].rpartition("/")[2]]["examples"]
                check_keys(document, schema, example)


async def test_authorize_signs_in(client: Client) -> None:
    document = client.app.openapi()
    flow = document["components"]["securitySchemes"]["Password"]["flows"]["password"]
    user = await make_user()
    form = {"grant_type": "password", "username": user.email, "password": PASSWORD}
    # Swagger UI sends the credentials of the client, which are empty, too.
    answer = await client.rest.post(flow["tokenUrl"], data=form, headers={"Authorization": "Basic Og=="})
    assert answer.json()["token_type"] == "bearer"


async def test_no_parameter_can_be_null(operations: Operations) -> None:
    for _, _, operation in operations:
        for parameter in operation.get("parameters", []):
            assert "anyOf" not in parameter["schema"], parameter
