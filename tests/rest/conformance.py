"""Compares answers of API v1 with what OpenAPI promises of them."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
from fastapi import FastAPI
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

#: Like ``Client.v1``, but every answer is compared.
Call = Callable[..., Awaitable[httpx.Response]]


def find_operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """Return the operation that OpenAPI describes for a request, HEAD being a GET without its body."""
    for template, operations in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            operation: dict[str, Any] | None = operations.get(method.lower().replace("head", "get"))
            return operation
    return None


def check_answer(app: FastAPI, answer: httpx.Response) -> None:
    """Fail unless status, body (exactly its keys, in their order) and headers are as documented."""
    document = app.openapi()
    operation = find_operation(document, answer.request.method, answer.request.url.path)
    if operation is None:
        assert answer.status_code in {307, 404, 405}, answer.text
        return
    response = operation["responses"].get(str(answer.status_code))
    assert response, f"{operation['operationId']} does not document {answer.status_code}: {answer.text}"
    check_headers(document, answer)
    content = response.get("content", {}).get("application/json")
    if content is None:
        assert not answer.content
        return
    assert answer.headers["content-type"] == "application/json"
    if answer.request.method == "HEAD":
        assert not answer.content
        return
    value = orjson.loads(answer.content)
    whole = {**content["schema"], "components": document["components"]}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
    check_keys(document, content["schema"], value)
    if answer.status_code >= 400:
        codes = {example["value"]["error_code"] for example in content["examples"].values()}
        assert value["error_code"] in codes


def check_headers(document: dict[str, Any], answer: httpx.Response) -> None:
    """Fail unless each header that OpenAPI describes keeps to its bounds."""
    for name, header in document["components"]["headers"].items():
        if (text := answer.headers.get(name)) is not None:
            value = int(text) if header["schema"]["type"] == "integer" else text
            Draft202012Validator(header["schema"]).validate(value)


def check_keys(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Fail unless *value* has exactly the keys of its schema, in their order, all the way down."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "object":
        assert list(value) == list(schema["properties"])
        for name, child in schema["properties"].items():
            check_keys(document, child, value[name])
    elif schema.get("type") == "array":
        for item in value:
            check_keys(document, schema["items"], item)
