"""The GraphQL twin of each operation in the OpenAPI document, where people and tools look for code."""

import json
from typing import Any
from urllib.parse import urlencode

from core.http.media_types import JSON
from graph.endpoint.http import PATH
from rest.v1.openapi_document import Json, operations, resolve
from rest.v1.twins import TWINS, V1Request, Variables


def show_twins(document: Json, *, playground: bool) -> None:
    """Give each operation its twin, with the variables that the operation's own example comes to.

    ``x-codeSamples`` is what ReDoc, and many a generator of pages, shows beside an operation; ``externalDocs`` leads to
    the twin in GraphiQL, which holds it in the fragment of the address: no server's log ever sees it.

    Args:
        document: the OpenAPI document, with the examples that are to be used.
        playground: whether GraphiQL is open here.
    """
    for operation in operations(document):
        twin = TWINS[operation["operationId"]]
        variables = shown_variables(twin.variables(_example(document, operation)))
        samples = [("graphql", "GraphQL", twin.document)]
        if variables:
            samples.append(("json", "Variables", json.dumps(variables, ensure_ascii=False, indent=2)))
        operation["x-codeSamples"] = [
            {"lang": lang, "label": label, "source": source} for lang, label, source in samples
        ]
        if playground:
            link = playground_link(twin.document, variables)
            operation["externalDocs"] = {"description": "The same in GraphQL, ready to run", "url": link}


def shown_variables(variables: Variables) -> Variables:
    """Return *variables* without those that say nothing: null, and a filter without a condition."""
    return {name: value for name, value in variables.items() if value not in (None, {})}


def playground_link(document: str, variables: Variables) -> str:
    """Return the address that opens a document in GraphiQL, and runs nothing."""
    parts = {"query": document} | ({"variables": json.dumps(variables)} if variables else {})
    return f"{PATH}#{urlencode(parts)}"


def _example(document: Json, operation: Json) -> V1Request:
    """Return the request that the examples of an operation make: what it must have, and nothing else."""
    path = {
        parameter["name"]: parameter["schema"]["examples"][0]
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "path"
    }
    return V1Request(path=path, body=_example_body(document, operation))


def _example_body(document: Json, operation: Json) -> Any:
    content = operation.get("requestBody", {}).get("content", {}).get(JSON)
    return None if content is None else resolve(document, content["schema"])["examples"][0]
