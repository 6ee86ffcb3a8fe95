"""The OpenAPI document: valid and complete."""

from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from core.demo_people import CUSTOMER, DEMO_PEOPLE
from core.http.media_types import JSON
from rest.v1 import routes
from rest.v1.openapi import install_openapi
from tests.client import Client
from tests.rest.api_document import SECTIONS
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


async def test_who_signs_in_sends_json_and_then_a_bearer_token(app: FastAPI, operations: Operations) -> None:
    schemes = app.openapi()["components"]["securitySchemes"]
    assert [(scheme["type"], scheme.get("scheme")) for scheme in schemes.values()] == [("http", "bearer")]
    for _, _, operation in operations:
        # Two media types of one schema make openapi-python-client write modules that cannot be imported.
        assert list(operation.get("requestBody", {"content": {JSON: None}})["content"]) == [JSON]


def example_bodies(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    return {name: schemas[name]["examples"][0] for name in ("LoginIn", "OrderIn", "UserIn", "UserPatch")}


async def test_outside_development_the_examples_are_those_of_the_contract() -> None:
    production = FastAPI()
    install_openapi(production, routes.routes)
    document = production.openapi()
    bodies = [orjson.loads(section.request) for section in SECTIONS if section.request]
    for name, body in example_bodies(document).items():
        assert body in bodies, name
    parameters = [
        parameter
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
    ]
    assert not any("example" in parameter for parameter in parameters)
    for person in DEMO_PEOPLE:
        assert person.password not in str(document)


async def test_in_development_the_examples_are_of_the_demo(client: Client) -> None:
    document = client.app.openapi()
    assert example_bodies(document)["LoginIn"] == {"username": CUSTOMER.email, "password": CUSTOMER.password}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            told = [one for one in operation.get("parameters", []) if one["in"] == "path"]
            assert len(told) == path.count("{")
            for parameter in told:
                assert parameter["schema"]["examples"] == [parameter["example"]]


async def test_no_parameter_can_be_null(operations: Operations) -> None:
    for _, _, operation in operations:
        for parameter in operation.get("parameters", []):
            assert "anyOf" not in parameter["schema"], parameter
