"""Page numbers of v1, counted from 1. The bounds are the resolvers'."""

from typing import Annotated, Any

from fastapi import Depends, Query
from typing_extensions import TypedDict

from graph.resolvers.pagination import DEFAULT_PAGE_SIZE, MAX_BIGINT, Offset, Page
from graph.resolvers.validation import refuse
from rest.v1.schemas.bounds import PAGE, PAGE_SIZE
from rest.v1.schemas.fields import WholeNumber


async def _read_paging(
    page: Annotated[WholeNumber, Query(description="Page number.", json_schema_extra=PAGE)] = 1,
    page_size: Annotated[
        WholeNumber, Query(description="Items per page.", json_schema_extra=PAGE_SIZE)
    ] = DEFAULT_PAGE_SIZE,
) -> Offset:
    if page > MAX_BIGINT:  # the answer repeats it, and JSON readers hold no more
        refuse("page", f"page must be at most {MAX_BIGINT}")
    return Offset(page, page_size)


class Position(TypedDict):
    """Where a page stands in its list; *total* is the length of the whole list."""

    total: int
    page: int
    page_size: int
    has_next: bool


def position(page: Page[Any], total: int, paging: Offset) -> Position:
    """Return what every list of v1 has beside its items."""
    return {
        "total": total,
        "page": paging.page,
        "page_size": paging.page_size,
        "has_next": page.has_next,
    }


Paging = Annotated[Offset, Depends(_read_paging)]
