"""Products over v1: to read, by anybody. GraphQL is where they are managed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from core.errors import Problem, ProductNotFound, ValidationFailed
from graph.resolvers import products as resolvers
from graph.resolvers.pagination import SEARCH_BOUNDS
from rest.v1.dependencies import Ctx
from rest.v1.json_response import JsonResponse
from rest.v1.openapi_responses import BAD_PAGE, responses
from rest.v1.paging import Paging
from rest.v1.routing import PREFIX, Route
from rest.v1.schemas.bounds import ID, SEARCH
from rest.v1.schemas.fields import Truth, WholeNumber
from rest.v1.schemas.products import (
    SUMMARY_COLUMNS,
    ProductList,
    ProductOut,
    product_list,
    product_out,
)

router = APIRouter(prefix=f"{PREFIX}/products", tags=["Products"], route_class=Route)

ProductId = Annotated[WholeNumber, Path(description="Product ID.", examples=[456], json_schema_extra=ID)]


@router.get(
    "",
    operation_id="listProducts",
    summary="List products",
    response_model=ProductList,
    responses=responses(BAD_PAGE),
)
async def list_products(
    ctx: Ctx,
    paging: Paging,
    search: Annotated[
        str | None,
        Query(
            description=f"Words that must all be part of the name or the description: {SEARCH_BOUNDS}.",
            json_schema_extra=SEARCH,
        ),
    ] = None,
    in_stock: Annotated[
        Truth | None, Query(description="Only products that are in stock, or that are not.")
    ] = None,
) -> JsonResponse:
    """Retrieve a page of the products on sale, newest first. No sign-in is needed."""
    page = await resolvers.list_products(
        ctx, window=paging, search=search, in_stock=in_stock, columns=SUMMARY_COLUMNS
    )
    return JsonResponse(product_list(page, await page.count(), paging))


@router.get(
    "/{product_id}",
    operation_id="getProduct",
    summary="Get product by ID",
    response_model=ProductOut,
    responses=responses(
        ProductNotFound(), ValidationFailed(Problem(("product_id",), "product_id must be a whole number"))
    ),
)
async def get_product(ctx: Ctx, product_id: ProductId) -> JsonResponse:
    """Retrieve a specific product, archived ones too, since old orders name them. No sign-in is needed."""
    return JsonResponse(product_out(await resolvers.get_product(ctx, product_id)))
