"""What schemathesis is told of our API; it imports this file by ``SCHEMATHESIS_HOOKS``."""

from typing import Any

import schemathesis
from hypothesis import strategies as st
from hypothesis_graphql import nodes

schemathesis.graphql.scalar(
    "Decimal", st.integers(-100, 10**9).map(lambda cents: nodes.String(str(cents / 100)))
)


@schemathesis.check  # type: ignore[untyped-decorator]
def no_defect(ctx: Any, response: Any, case: Any) -> None:
    """Fail upon anything of ours that broke, and upon an error that does not say what it is."""
    assert response.status_code < 500, response.text
    if case.operation.schema.__class__.__name__ == "GraphQLSchema":
        for error in response.json().get("errors", ()):
            assert error["extensions"]["code"] not in ("INTERNAL_ERROR", "DEADLINE_EXCEEDED"), error
