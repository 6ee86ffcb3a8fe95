"""Strawberry extensions: documents checked once, limits held, errors put into words."""

import logging
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.extensions.mask_errors import MaskErrors

from core.errors import AppError, ErrorCode, InternalError, RateLimited
from core.middleware import current_request_id
from graph.limits import MAX_CHARACTERS, MAX_TOKENS, exceeded, measure

logger = logging.getLogger("tandem.graphql")

#: Documents kept; a front end has some hundreds, and each takes about 50 kB.
MAX_DOCUMENTS = 500
#: A longer one is checked each time it comes.
MAX_KEPT_CHARACTERS = 20_000


@dataclass(slots=True)
class DocumentCache:
    """Documents that passed validation, by their text, the least recently used going first."""

    documents: OrderedDict[str, DocumentNode]

    def get(self, text: str | None) -> DocumentNode | None:
        """Return the document of *text* if it is known to be valid."""
        if text is None or text not in self.documents:
            return None
        self.documents.move_to_end(text)
        return self.documents[text]

    def keep(self, text: str | None, document: DocumentNode | None) -> None:
        """Remember a valid document."""
        if text and document and len(text) <= MAX_KEPT_CHARACTERS:
            self.documents[text] = document
            if len(self.documents) > MAX_DOCUMENTS:
                self.documents.popitem(last=False)


class CheckedDocuments(SchemaExtension):
    """Parses and validates each text once, and holds the limits of ``graph.limits`` each time.

    The limits come before the other rules, some of which take time that grows with the square of the
    document.
    """

    def __init__(self, cache: DocumentCache) -> None:
        self.cache = cache
        self.known = False

    def on_operation(self) -> Iterator[None]:
        """Bound the parser."""
        self.execution_context.parse_options["max_tokens"] = MAX_TOKENS
        yield

    def on_parse(self) -> Iterator[None]:
        """Take the document from the cache if it is there, and refuse to read one without end."""
        if len(self.execution_context.query or "") > MAX_CHARACTERS:
            raise GraphQLError(f"The document is too long: at most {MAX_CHARACTERS} characters.")
        document = self.cache.get(self.execution_context.query)
        self.known = document is not None
        if document is not None:
            self.execution_context.graphql_document = document
        yield

    def on_validate(self) -> Iterator[None]:
        """Hold the limits, and validate what is new."""
        context = self.execution_context
        document = context.graphql_document
        if document is None:
            yield
            return
        total = measure(
            context.schema._schema,
            document,
            context.operation_name,
            context.variables,
        )
        if error := _ambiguous(document, context._provided_operation_name) or exceeded(total):
            context.pre_execution_errors = [error]
        elif self.known:
            context.pre_execution_errors = []
        yield
        if not self.known and not context.pre_execution_errors:
            self.cache.keep(context.query, document)


def _ambiguous(document: DocumentNode, name: str | None) -> GraphQLError | None:
    """Return an error if it is not told which operation to run; Strawberry would take the first (section 6.1)."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name or len(operations) < 2:
        return None
    return GraphQLError("Must provide operation name if query contains multiple operations.")


class PresentErrors(MaskErrors):
    """Gives every error a code, and hides what is none of the caller's business.

    Strawberry's extension knows where errors turn up (results, streams, deferred parts); this one says what
    becomes of them.
    """

    def __init__(self) -> None:
        super().__init__(should_mask_error=lambda _: True)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        """Return *error* as the caller may see it."""
        return present(error)


def present(error: GraphQLError) -> GraphQLError:
    """Return *error* as the caller may see it: ours with their code, GraphQL's own as they are."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError) or _is_about_the_request(cause):
        return _with_code(error, error.message, ErrorCode.VALIDATION_ERROR)
    if isinstance(cause, AppError):
        extra = {"retryAfter": cause.retry_after} if isinstance(cause, RateLimited) else {}
        return _with_code(error, cause.message, cause.code, extra)
    if isinstance(cause, RecursionError):
        return _with_code(error, "The document is nested too deeply", ErrorCode.VALIDATION_ERROR)
    logger.error("A resolver failed at %s (request %s)", error.path, current_request_id.get(), exc_info=cause)
    return _with_code(error, InternalError.default_message, ErrorCode.INTERNAL_ERROR)


def _is_about_the_request(cause: BaseException) -> bool:
    # Strawberry's own complaints about the choice of an operation.
    return type(cause).__module__ == "strawberry.schema.exceptions"


def _with_code(
    error: GraphQLError, message: str, code: ErrorCode, extra: dict[str, Any] | None = None
) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=(error.extensions or {}) | {"code": code.value} | (extra or {}),
    )
