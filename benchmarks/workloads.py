"""What is asked: one GraphQL document for all servers that share our schema, and its twins for those that do not."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import asyncpg
from graphql import get_introspection_query

from benchmarks.dataset import FULL, SEARCHES
from benchmarks.product import decode_id, encode_id

#: How a server is asked. *graphql*: our schema. *postgraphile*: its own. *raw*: one address for each workload.
#: *ceiling*: as ours, by a server that answers nonsense.
Face = Literal["graphql", "postgraphile", "raw", "rest", "ceiling"]


@dataclass(frozen=True)
class Viewer:
    """Somebody who asks: the token, and the newest orders' ids, newest first."""

    id: int
    token: str
    order_ids: Sequence[int]


@dataclass(frozen=True)
class Workload:
    """One kind of question.

    Attributes:
        title: what it asks for, in a few words.
        document: in our schema; empty where only REST is asked.
        postgraphile: the same in PostGraphile's; empty where it is not asked.
        values: the variables of each request of one viewer.
        comparable: whether all servers must answer the same.
    """

    name: str
    title: str
    document: str
    postgraphile: str = ""
    values: Callable[[Viewer], list[dict[str, Any]]] = lambda _viewer: [{}]
    faces: tuple[Face, ...] = ("graphql", "postgraphile", "raw")


_ORDERS = """
query OrderList {
  orders(first: %d) {
    nodes {
      id status createdAt total { amount currency }
      items { quantity product { id name price { amount } } }%s
    }
    pageInfo { hasNextPage }
  }
}
"""
_PG_ORDERS = """
query OrderList {
  viewer {
    orders(first: %d, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]) {
      nodes {
        id status createdAt total
        items: orderItems(orderBy: ROW_ID_ASC) { nodes { quantity product { id name price } } }%s
      }
      pageInfo { hasNextPage }
    }
  }
}
"""
_LEAVES = "databaseId name description onHand version createdAt updatedAt"


def _flat(field: str, leaves: str) -> str:
    orders = ("CREATED_AT", "DESC"), ("PRICE", "ASC"), ("PRICE", "DESC"), ("NAME", "ASC"), ("NAME", "DESC")
    lists = [
        f"{alias}: {field.format(*order)} {{ nodes {{ {leaves} }} }}"
        for alias, order in zip("abcde", orders, strict=True)
    ]
    return f"query Flat {{ {' '.join(lists)} }}"


def _searches(viewer: Viewer) -> list[dict[str, Any]]:
    return [{"search": SEARCHES[(viewer.id + n * 8) % len(SEARCHES)]} for n in range(2)]


def _own_orders(viewer: Viewer) -> list[dict[str, Any]]:
    return [{"id": encode_id("Order", id)} for id in viewer.order_ids[:4]]


WORKLOADS = (
    Workload(
        "nested-order-list",
        "20 newest orders of the viewer, their 3 items, each item's product",
        _ORDERS % (20, ""),
        _PG_ORDERS % (20, ""),
    ),
    Workload(
        "order-by-id",
        "one order of the viewer with its items",
        "query Order($id: ID!) { order(id: $id) { id status shippingAddress createdAt total { amount currency }"
        " items { quantity productName unitPrice { amount currency } } } }",
        "query Order($id: Int!) { viewer { order: orders(condition: { rowId: $id }, first: 1) {"
        " nodes { id status shippingAddress createdAt total"
        " items: orderItems(orderBy: ROW_ID_ASC) { nodes { quantity productName unitPrice } } } } } }",
        _own_orders,
    ),
    Workload(
        "me",
        "the viewer",
        "query Me { me { id email fullName isAdmin createdAt } }",
        "query Me { viewer { id email fullName isAdmin createdAt } }",
    ),
    Workload(
        "product-search",
        "20 newest products with two words in name or description",
        "query Search($search: String!) { products(first: 20, filter: { search: $search })"
        " { nodes { id name description onHand price { amount currency } } pageInfo { hasNextPage } } }",
        "query Search($search: String!) { products: benchSearchProducts(first: 20, search: $search)"
        " { nodes { id name description onHand price } pageInfo { hasNextPage } } }",
        _searches,
    ),
    Workload(
        "deep-100",
        "100 orders of the viewer with lines, products and user",
        _ORDERS % (100, " user { fullName }"),
        _PG_ORDERS % (100, " user { fullName }"),
    ),
    Workload(
        "flat-500",
        "500 products in five lists, leaves only",
        _flat("products(first: 100, orderBy: {{ field: {0}, direction: {1} }})", _LEAVES),
        _flat(
            # All are on sale, and it offers no condition on a column without an index.
            "products(first: 100, orderBy: [{0}_{1}, ROW_ID_{1}])",
            _LEAVES.replace("databaseId", "rowId"),
        ),
    ),
    Workload(
        "introspection",
        "the whole schema, as graphql-js asks for it",
        get_introspection_query(),
        faces=("graphql",),
    ),
    Workload(
        "rest-order-list",
        "GET /api/v1/orders: 20 orders, their number, whether there are more",
        "",
        faces=("rest",),
    ),
    Workload("nothing", "8 KB that nobody looked up", "{ nothing }", faces=("ceiling",)),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
#: Those of a run that names none.
USUAL = tuple(workload.name for workload in WORKLOADS if workload.name != "nothing")


async def find_viewers(database_url: str, token: Callable[[int], str]) -> list[Viewer]:
    """Return the viewers of the data set, each with a token."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT user_id, (array_agg(id ORDER BY created_at DESC))[:20] AS ids FROM orders"
            " WHERE user_id <= $1 GROUP BY user_id ORDER BY user_id",
            FULL.viewers,
        )
    finally:
        await connection.close()
    return [Viewer(row["user_id"], token(row["user_id"]), row["ids"]) for row in rows]


def requests_for(workload: Workload, face: Face, viewers: Sequence[Viewer]) -> list[str]:
    """Return the HTTP requests of all viewers, alternating between them."""
    made = [
        [_request(workload, face, viewer, values) for values in workload.values(viewer)] for viewer in viewers
    ]
    return [request for turn in zip(*made, strict=True) for request in turn]


def _request(workload: Workload, face: Face, viewer: Viewer, values: dict[str, Any]) -> str:
    if face == "rest":
        return get_request(viewer.token, "/api/v1/orders?page=1&page_size=20")
    if face == "raw":
        return get_request(viewer.token, f"/{workload.name}{f'?{urlencode(values)}' if values else ''}")
    if face == "postgraphile":
        keyed = {"id": decode_id(values["id"])[1]} if "id" in values else values
        return post_request(viewer.token, workload.postgraphile, keyed)
    return post_request(viewer.token, workload.document, values)


def get_request(token: str, target: str) -> str:
    """Return a signed-in GET request as it goes over the wire."""
    return f"GET {target} HTTP/1.1\r\n{_head(token)}\r\n"


def post_request(token: str, document: str, values: dict[str, Any]) -> str:
    """Return a signed-in GraphQL request as it goes over the wire."""
    body = json.dumps({"query": document, "variables": values})
    length = len(body.encode())
    return (
        f"POST /graphql HTTP/1.1\r\n{_head(token)}Content-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n{body}"
    )


def _head(token: str) -> str:
    return f"Host: 127.0.0.1\r\nAccept: application/json\r\nAuthorization: Bearer {token}\r\n"
