"""What schemathesis is told of our API; it imports this file by ``SCHEMATHESIS_HOOKS``."""

from base64 import b64encode
from typing import Any

import graphql
import schemathesis
from hypothesis import strategies as st
from hypothesis_graphql import nodes

schemathesis.graphql.scalar(
    "Decimal", st.integers(-100, 10**9).map(lambda cents: nodes.String(str(cents / 100)))
)

# Left to itself it makes numbers up to 2^31 and texts of any letters, which no page size, cursor or id is: hardly a
# list or an object would be read. So half of them may be right; a cursor of no letters is as if left out.
_ids = st.builds(
    lambda kind, key: b64encode(f"{kind}:{key}".encode()).decode(),
    st.sampled_from(["Order", "Product", "User"]),
    st.integers(1, 5),
)
schemathesis.graphql.scalar("Int", (st.integers(0, 100) | st.integers(-(2**31), 2**31 - 1)).map(nodes.Int))
schemathesis.graphql.scalar("ID", (_ids | st.text()).map(nodes.String))
schemathesis.graphql.scalar("String", (st.just("") | st.text()).map(nodes.String))


class _WithoutLast(graphql.Visitor):
    def enter_argument(self, node: graphql.ArgumentNode, *_: Any) -> Any:
        return graphql.REMOVE if node.name.value in ("last", "before") else None


@schemathesis.hook  # type: ignore[untyped-decorator]
def flatmap_body(ctx: Any, body: Any) -> Any:
    """Leave ``last`` and ``before`` out of half of the valid documents: all arguments are given, which no list takes.

    One that is meant to be refused stays as it is.
    """
    if isinstance(body, graphql.DocumentNode) and not graphql.validate(
        ctx.operation.schema.client_schema, body
    ):
        return st.sampled_from([body, graphql.visit(body, _WithoutLast())])
    return st.just(body)


@schemathesis.check  # type: ignore[untyped-decorator]
def no_defect(ctx: Any, response: Any, case: Any) -> None:
    """Fail upon anything of ours that broke, and upon an error that does not say what it is."""
    assert response.status_code < 500, response.text
    if case.operation.schema.__class__.__name__ == "GraphQLSchema":
        for error in response.json().get("errors", ()):
            assert error["extensions"]["code"] not in ("INTERNAL_ERROR", "DEADLINE_EXCEEDED"), error
