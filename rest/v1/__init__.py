"""REST v1: thin adapters over the resolvers, for clients older than the GraphQL schema.

An endpoint is the body's shape, one resolver, and the frozen view of what that returned.
``docs/api-v1.md`` is the contract, and is executed by the tests.
"""

from core.deprecations import DEPRECATIONS, Deprecations
from rest.v1 import auth, orders, products, users
from rest.v1.deprecation import operation_headers
from rest.v1.routing import RouteTable


def build_routes(deprecations: Deprecations = DEPRECATIONS) -> RouteTable:
    """Return all routes of v1, which tell what is deprecated of them."""
    found = RouteTable(
        route for feature in (auth, users, orders, products) for route in feature.router.routes
    )
    found.headers = operation_headers(found.routes, deprecations)
    return found


routes = build_routes()
