"""Page numbers of v1, counted from 1. The bounds are the resolvers'."""

from typing import Annotated

from fastapi import Depends, Query

from core.errors import Problem, ValidationFailed
from graph.pagination import DEFAULT_PAGE_SIZE, MAX_BIGINT, MAX_PAGE_SIZE, Offset
from rest.v1.schemas.fields import WholeNumber


async def _read_paging(
    page: Annotated[WholeNumber, Query(description="Page number.", json_schema_extra={"minimum": 1})] = 1,
    page_size: Annotated[
        WholeNumber,
        Query(description="Items per page.", json_schema_extra={"minimum": 1, "maximum": MAX_PAGE_SIZE}),
    ] = DEFAULT_PAGE_SIZE,
) -> Offset:
    if page > MAX_BIGINT:  # the answer repeats it, and JSON readers hold no more
        raise ValidationFailed(Problem(("page",), f"page must be at most {MAX_BIGINT}"))
    return Offset(page, page_size)


Paging = Annotated[Offset, Depends(_read_paging)]
