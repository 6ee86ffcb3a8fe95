"""The short way of the usual request: an operation of a known document, posted as JSON.

It does what the long way does (Strawberry's view and extensions), in the same order and with the same parts, but
without their work for all that a request might be. Whatever is not usual, or would be refused, is left to the
long way before any resolver has run; so each refusal is worded in one place only.
"""

import asyncio
from contextlib import nullcontext
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError
from graphql.execution.values import VariableValues
from starlette.types import Message, Receive, Scope, Send

from core.errors import AppError
from core.resources import Resources
from engine.graphql import Operation
from engine.postgres.client import record_statements
from graph.endpoint.documents import KnownDocument, PersistedDocuments
from graph.endpoint.errors import PresentErrors
from graph.endpoint.validation import too_late
from graph.resolvers.context import Context, make_context
from graph.schema import TandemSchema

_JSON = b"application/json; charset=utf-8"
_GRAPHQL_JSON = b"application/graphql-response+json; charset=utf-8"
#: Parts of an Accept header for which the answer is a stream.
_STREAMS = (b"text/event-stream", b"multipart/mixed")


class Shortcut:
    """Serves usual requests.

    Args:
        resources: what the process holds open.
        schema: what is executed, with its checks and its known documents.
        persisted: finds documents that requests only name.
    """

    def __init__(self, resources: Resources, schema: TandemSchema, persisted: PersistedDocuments) -> None:
        settings = resources.settings
        self._resources = resources
        self._schema = schema
        self._persisted = persisted
        self._errors = PresentErrors(tell_schema=settings.tells_schema)
        self._seconds = settings.graphql_deadline_seconds
        self._counts = settings.counts_statements

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Serve one HTTP request; return None if that is done, else from where to receive it once more."""
        media_type = _media_type(scope)
        if media_type is None or not self._schema.compiles:
            return receive
        message = await receive()
        body = None
        if message["type"] == "http.request" and not message.get("more_body"):
            body = await self._answer(scope, message["body"])
        if body is None:
            return _again(message, receive)
        headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return None

    async def _answer(self, scope: Scope, body: bytes) -> bytes | None:
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        if not _is_usual(request):
            return None
        extensions = request.get("extensions") or {}
        query = request.get("query")
        if query and "persistedQuery" in extensions:
            return None  # a document to be kept
        try:
            query = await self._persisted.find(query, extensions, request.get("documentId"))
        except AppError:
            return None
        known = self._schema.documents.get(query)
        if known is None:
            return None
        name, variables = request.get("operationName"), request.get("variables")
        if not extensions and not variables and name in known.answers:
            return known.answers[name]
        context = await make_context(self._resources, scope["state"]["caller"])
        return await self._execute(known, name, variables, extensions, context)

    async def _execute(
        self,
        known: KnownDocument,
        name: str | None,
        variables: dict[str, Any] | None,
        extensions: dict[str, Any],
        context: Context,
    ) -> bytes | None:
        checks = self._schema.checks
        total = known.measures.take(name, variables)
        if checks.refuse(total, variables):
            return None
        plan = self._schema.plan(known.document, name, variables, context)
        if plan is None:
            return None
        values = plan.coerce(variables)
        if isinstance(values, list):
            return None
        shown: dict[str, Any] = {}
        if cost := checks.cost(total, extensions):
            shown["cost"] = cost
        with record_statements() if self._counts else nullcontext() as statements:
            result = await self._run(plan, context, values)
        if statements is not None:
            shown["sqlQueries"] = len(statements)
        body = self._render(result, shown)
        if plan.is_static and not shown and not result.errors:
            known.answers[name] = body
        return body

    async def _run(self, plan: Operation, context: Context, values: VariableValues) -> ExecutionResult:
        try:
            async with asyncio.timeout(self._seconds):
                return await plan.execute(context, None, values, encoded=True)
        except TimeoutError:
            return ExecutionResult(None, [GraphQLError("", original_error=too_late(self._seconds))])

    def _render(self, result: ExecutionResult, extensions: dict[str, Any]) -> bytes:
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in self._errors.present_all(result.errors)]
        if extensions:
            answer["extensions"] = extensions
        # As the scalar writes times, which the executor leaves to the encoder.
        return orjson.dumps(answer, option=orjson.OPT_UTC_Z)


def _media_type(scope: Scope) -> bytes | None:
    """Return the media type of the answer; None if it is not a usual request."""
    if scope["method"] != "POST":
        return None
    accepted = sent = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            sent = value
        elif name == b"accept":
            accepted = value
    if sent.partition(b";")[0] != b"application/json" or any(stream in accepted for stream in _STREAMS):
        return None
    return _GRAPHQL_JSON if b"application/graphql-response+json" in accepted else _JSON


def _is_usual(request: Any) -> bool:
    """Tell whether a request is well formed (GraphQL over HTTP, section 5.1)."""
    return (
        type(request) is dict
        and isinstance(request.get("query"), str | None)
        and isinstance(request.get("variables"), dict | None)
        and isinstance(request.get("extensions"), dict | None)
        and isinstance(request.get("documentId"), str | None)
        and isinstance(request.get("operationName"), str | None)
        and request.get("operationName") != ""
    )


def _again(message: Message, receive: Receive) -> Receive:
    pending = [message]

    async def receive_again() -> Message:
        return pending.pop() if pending else await receive()

    return receive_again
