"""REST v1: thin adapters over the resolvers, for clients older than the GraphQL schema.

A route is three lines: the body's shape, one resolver, the frozen view of what it returned.
``docs/api-v1.md`` is the contract, and is executed by the tests.
"""

from fastapi import APIRouter

from rest.v1 import auth, orders, products, users
from rest.v1.shortcut import Shortcut

_FEATURES = (auth, users, orders, products)

router = APIRouter(prefix="/api/v1")
for _feature in _FEATURES:
    router.include_router(_feature.router)

#: Stands in front of the router, and answers what is plain.
shortcut = Shortcut(router.prefix, [route for feature in _FEATURES for route in feature.router.routes])
