"""Documents that the server knows: checked ones, persisted ones, trusted ones.

Persisted documents follow Apollo's protocol for automatic persisted queries: a request names a document by the
SHA-256 of its text (``extensions.persistedQuery``) instead of sending it. Who is answered PERSISTED_QUERY_NOT_FOUND
sends both, and the document is kept if it is valid. It is kept in this process and in Redis, so that another
process knows it too; while Redis is away, it is not found there.

Trusted documents are those of a manifest that the front end's build has written. Requests name them by
``documentId`` (GraphQL over HTTP, appendix on persisted documents) or as above, and the server can be told to run
nothing else.
"""

import hashlib
import logging
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, OperationDefinitionNode
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.errors import DocumentNotTrusted, PersistedQueryNotFound, Problem, ValidationFailed
from engine.graphql import Plans
from engine.weighted_cache import WeightedCache
from graph.endpoint.error_presentation import shorten
from graph.endpoint.limits import Measures
from graph.endpoint.request_errors import ProtocolError, RequestError, refusal
from graph.endpoint.uses import OperationUses, SchemaUses

logger = logging.getLogger("tandem.graphql")

#: Bytes, about, of the documents that one process keeps with their plans. One of 100 tokens takes 200 kB, so these are
#: some 500: a front end has some hundreds.
MAX_KEPT_BYTES = 100_000_000
#: Bytes, about, of one parsed token, of one field of a plan, and of a document's other parts; and how often as much as
#: its JSON an answer takes. Measured with tracemalloc.
TOKEN_BYTES = 450
FIELD_BYTES = 3_500
OTHER_BYTES = 20_000
TIMES_JSON = 8
#: Bytes of the texts of persisted documents that one process keeps beside Redis.
MAX_TEXT_BYTES = 10_000_000
#: A longer one is checked each time it comes, and never persisted.
MAX_KEPT_CHARACTERS = 20_000
#: Kept in Redis, so that nobody can fill it: those asked for least recently go first.
MAX_SHARED = 1_000
SHARED_SECONDS = 7 * 24 * 3600
INDEX = "tandem:documents"

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True, eq=False)
class KnownDocument:
    """A document, and what has been worked out of it.

    Args:
        plans: the plans of its operations, once one of them is asked for.
        static_answers: complete answers to operations that ask for nothing but the schema, by name.
        answer_bytes: the length of these answers as JSON.
    """

    text: str
    parsed: DocumentNode
    measures: Measures
    is_valid: bool = False
    plans: Plans | None = None
    static_answers: dict[str | None, Any] = field(default_factory=dict)
    answer_bytes: int = 0
    _operations: list[OperationDefinitionNode] = field(init=False)
    _uses: dict[str | None, OperationUses] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Find the operations."""
        self._operations = [
            node for node in self.parsed.definitions if isinstance(node, OperationDefinitionNode)
        ]

    @property
    def weight(self) -> int:
        """About how many bytes it takes, with all that has been worked out of it."""
        fields = self.plans.fields if self.plans else 0
        return (
            sys.getsizeof(self.text)
            + TOKEN_BYTES * self.parsed.token_count
            + FIELD_BYTES * fields
            + TIMES_JSON * self.answer_bytes
            + OTHER_BYTES
        )

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation of this name, or the first one without a name (specification, section 6.1).

        Raises:
            ProtocolError: there is none.
        """
        if name is None:
            if not self._operations:
                raise ProtocolError("The document has no operation to run")
            return self._operations[0]
        for node in self._operations:
            if node.name and node.name.value == name:
                return node
        raise ProtocolError(shorten(f'Unknown operation named "{name}".'))

    def uses(self, operation: OperationDefinitionNode, schema_uses: SchemaUses) -> OperationUses:
        """Return what to count an operation under; the document is valid."""
        name = operation.name.value if operation.name else None
        known = self._uses.get(name)
        if known is None:
            known = self._uses[name] = schema_uses.uses_of(self.parsed, operation)
        return known

    def require_one_operation(self, name: str | None) -> None:
        """Raise :class:`RequestError` if it is not told which of several operations to run."""
        if name is None and len(self._operations) > 1:
            message = "Must provide operation name if query contains multiple operations."
            raise RequestError([refusal(message)])


class DocumentCache:
    """Documents that passed validation, by their text, with their plans: at most so many bytes of them."""

    def __init__(self, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._documents: WeightedCache[str, KnownDocument] = WeightedCache(max_bytes)
        self.get = self._documents.get

    @property
    def weight(self) -> int:
        """About how many bytes all of them take."""
        return self._documents.weight

    def keep(self, document: KnownDocument) -> None:
        """Remember a valid document, unless it is too long, or what it weighs by now."""
        if len(document.text) <= MAX_KEPT_CHARACTERS:
            self._documents.keep(document.text, document, document.weight)


class PersistedDocuments:
    """Texts of documents by their hashes and ids.

    Args:
        redis: where all processes find what one has been told.
        trusted: the documents of the manifest by their ids.
        only_trusted: refuse whatever is not among them.
        max_text_bytes: of the texts that this process keeps.
        max_shared: how many are kept in Redis.
    """

    def __init__(
        self,
        redis: Redis,
        trusted: Mapping[str, str],
        *,
        only_trusted: bool,
        max_text_bytes: int = MAX_TEXT_BYTES,
        max_shared: int = MAX_SHARED,
    ) -> None:
        self._redis = redis
        self._trusted = trusted
        self._trusted_texts = frozenset(trusted.values())
        self._only_trusted = only_trusted
        self._max_shared = max_shared
        self._texts: WeightedCache[str, str] = WeightedCache(max_text_bytes)

    async def find(
        self, query: str | None, extensions: dict[str, Any] | None, document_id: object = None
    ) -> str | None:
        """Return the text that a request means, or None if it means none.

        Args:
            query: the text that it brings, if it does.
            extensions: its ``extensions``, whose ``persistedQuery`` names the document, or says that it is to be kept.
            document_id: its ``documentId``.

        Raises:
            DocumentNotTrusted: the document is not of the manifest, and must be.
            PersistedQueryNotFound: nothing is known by this hash or id.
            ValidationFailed: the request contradicts itself, or is no such request at all.
        """
        digest = _persisted_hash(extensions)
        if document_id is not None:
            if query or not isinstance(document_id, str):
                raise _invalid("A request has either a `query` or a `documentId`, which is a string")
            query = self._find_trusted(document_id)
        elif query:
            self._check_sent(query, digest)
        elif digest:
            query = await self._find_persisted(digest)
        if self._only_trusted and query and query not in self._trusted_texts:
            raise DocumentNotTrusted
        return query

    async def keep(self, text: str) -> None:
        """Remember a document that has been found to be valid."""
        if self._only_trusted or len(text) > MAX_KEPT_CHARACTERS:
            return
        digest = _hash(text)
        self._keep_here(digest, text)
        try:
            await self._share(digest, text)
        except (RedisError, OSError) as error:
            logger.warning("A persisted document is known to one process only: %s", error)

    def _find_trusted(self, document_id: str) -> str:
        # "sha256:…" names the algorithm too; a manifest has the bare hash.
        text = self._trusted.get(document_id) or self._trusted.get(document_id.partition(":")[2])
        if text is None:
            raise DocumentNotTrusted if self._only_trusted else PersistedQueryNotFound
        return text

    def _check_sent(self, query: str, digest: str | None) -> None:
        if digest and digest != _hash(query) and self._trusted.get(digest) != query:
            raise _invalid("The sha256Hash is not that of the query")

    async def _find_persisted(self, digest: str) -> str:
        if text := self._trusted.get(digest):
            return text
        if self._only_trusted:
            # Not PERSISTED_QUERY_NOT_FOUND, upon which the client would send the text too, in vain.
            raise DocumentNotTrusted
        if not _SHA256.fullmatch(digest):
            raise _invalid("The sha256Hash must be 64 hexadecimal digits")
        if text := self._texts.get(digest):
            return text
        try:
            # No more of it than may have been kept, in UTF-8.
            shared = str(await self._redis.getrange(_key(digest), 0, 4 * MAX_KEPT_CHARACTERS))
        except (RedisError, OSError) as error:
            logger.warning("Persisted documents cannot be looked up: %s", error)
            shared = ""
        if not shared:
            raise PersistedQueryNotFound
        if _hash(shared) != digest:  # not kept by us: Redis is not trusted with what is run (decision 21)
            logger.error("The document in Redis is not that of its hash %s, and is not run", digest)
            raise PersistedQueryNotFound
        self._keep_here(digest, shared)
        return shared

    def _keep_here(self, digest: str, text: str) -> None:
        self._texts.keep(digest, text, sys.getsizeof(text))

    async def _share(self, digest: str, text: str) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(_key(digest), text, ex=SHARED_SECONDS)
            pipe.zadd(INDEX, {digest: time.time()})
            pipe.expire(INDEX, SHARED_SECONDS)
            pipe.zrange(INDEX, 0, -self._max_shared - 1)
            surplus = (await pipe.execute())[-1]
        if surplus:
            await self._redis.delete(*map(_key, surplus))
            await self._redis.zrem(INDEX, *surplus)


def _persisted_hash(extensions: dict[str, Any] | None) -> str | None:
    asked = (extensions or {}).get("persistedQuery")
    if asked is None:
        return None
    digest = asked.get("sha256Hash") if isinstance(asked, dict) and asked.get("version") == 1 else None
    if not isinstance(digest, str) or not digest:
        raise _invalid('extensions.persistedQuery must be {"version": 1, "sha256Hash": "…"}')
    return digest


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key(digest: str) -> str:
    return f"{INDEX}:{digest}"


def _invalid(message: str) -> ValidationFailed:
    return ValidationFailed(Problem((), message))
