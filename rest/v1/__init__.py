"""REST v1: thin adapters over the resolvers, for clients older than the GraphQL schema.

A route is three lines: the body's shape, one resolver, the frozen view of what it returned.
``docs/api-v1.md`` is the contract, and is executed by the tests.
"""

from fastapi import APIRouter

from rest.v1 import auth, orders, products, users

router = APIRouter(prefix="/api/v1")
for _feature in (auth, users, orders, products):
    router.include_router(_feature.router)
