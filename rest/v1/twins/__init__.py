"""The GraphQL twin of every operation of v1: its document, its variables, and how its answer becomes v1's.

Documentation shows them, and ``tests/rest/test_twins.py`` proves that both sides answer the same, byte for byte.
A list of v1 is a page by number, which the graph has none of: its twin walks the pages by cursor, as a client does
that wants the third one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from rest.v1.twins import answers, requests
from rest.v1.twins.answers import V1Answer, error_answer
from rest.v1.twins.documents import DOCUMENTS
from rest.v1.twins.requests import Fields, V1Request, Variables

__all__ = ["TWINS", "Fields", "Twin", "V1Answer", "V1Request", "Variables"]


@dataclass(frozen=True, slots=True)
class Twin:
    """What answers in GraphQL what an operation of v1 answers.

    Args:
        operation_id: that of the operation in OpenAPI.
        variables: makes its variables from a request; of a list, those of the first page. It raises
            ValidationFailed for what only v1 has, and is wrong: a page 0, or half a quoted header.
        render: makes v1's answer from the value of the root field: of a list, from the connection of the page.
    """

    operation_id: str
    variables: Callable[[V1Request], Variables]
    render: Callable[[V1Request, Fields], V1Answer]

    @property
    def document(self) -> str:
        """One named operation of GraphQL with one root field."""
        return DOCUMENTS[self.operation_id]

    def next_variables(self, request: V1Request, given: Sequence[Fields]) -> Variables | None:
        """Return the variables of the next operation to send; None if nothing is missing.

        Args:
            request: the one to v1.
            given: GraphQL's answers so far: whole, with ``data`` or ``errors``.
        """
        if not given:
            return self.variables(request)
        if error_answer(given[-1]) or len(given) >= request.page:
            return None
        page_info = _root(given[-1]).get("pageInfo", {})
        if not page_info.get("hasNextPage"):
            return None
        return self.variables(request) | {"after": page_info["endCursor"]}

    def answer(self, request: V1Request, given: Sequence[Fields]) -> V1Answer:
        """Return v1's answer, from all that GraphQL answered (see :meth:`next_variables`)."""
        refused = error_answer(given[-1])
        if refused is not None:
            return refused
        value = _root(given[-1])
        if len(given) < request.page:
            # The list ended before the page.
            value = {**value, "nodes": []}
        return self.render(request, value)


def _root(given: Fields) -> Fields:
    (value,) = given["data"].values()
    found: Fields = value
    return found


_ALL = (
    Twin("login", requests.credentials, answers.token_pair),
    Twin("refreshToken", requests.refresh_token, answers.access_token),
    Twin("getCurrentUser", requests.none, answers.user),
    Twin("createUser", requests.new_user, answers.user_created),
    Twin("listUsers", requests.user_page, partial(answers.page, answers.user_summary)),
    Twin("getUser", partial(requests.by_id, "User", "user_id"), answers.user_detail),
    Twin("updateUser", requests.user_changes, answers.user_updated),
    Twin("deleteUser", partial(requests.input_by_id, "User", "user_id"), answers.user_deleted),
    Twin("createOrder", requests.new_order, answers.order_created),
    Twin("listOrders", requests.order_page, partial(answers.page, answers.order_summary)),
    Twin("getOrder", partial(requests.by_id, "Order", "order_id"), answers.order),
    Twin("listOrderEvents", requests.events, answers.order_events),
    Twin("cancelOrder", partial(requests.input_by_id, "Order", "order_id"), answers.order_cancelled),
    Twin("listProducts", requests.product_page, partial(answers.page, answers.product_summary)),
    Twin("getProduct", partial(requests.by_id, "Product", "product_id"), answers.product),
)
#: By operation id.
TWINS: Final[Mapping[str, Twin]] = {twin.operation_id: twin for twin in _ALL}
