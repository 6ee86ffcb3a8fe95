"""Examples for OpenAPI that can be executed as they are against the sample data, in the place of the contract's.

The ids are those of a database that has nothing but the sample data.
"""

from typing import Any

from core.demo_people import CUSTOMER
from rest.v1.openapi_document import Json, operations

#: By the shape of the body.
BODIES: dict[str, Any] = {
    "LoginIn": {"username": CUSTOMER.email, "password": CUSTOMER.password},
    "OrderIn": {
        "items": [{"product_id": 1, "quantity": 2}, {"product_id": 5, "quantity": 1}],
        "shipping_address": "12 St James's Square, London SW1Y 4JH",
    },
    # What she has already: others sign in as her by one click, and know her by this name.
    "UserPatch": {"full_name": CUSTOMER.full_name},
}
#: By the name in the path: the customer, and an order of hers that is completed.
IDS = {"product_id": 1, "user_id": 2, "order_id": 7}
#: By operation, what the others would not do for: the user and the order that were made by executing the examples.
FRESH_IDS = {"deleteUser": 3, "cancelOrder": 9}


def use_demo_examples(document: Json) -> None:
    """Put the examples into an OpenAPI document."""
    schemas = document["components"]["schemas"]
    for name, body in BODIES.items():
        schemas[name]["examples"] = [body]
    for operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                example = FRESH_IDS.get(operation["operationId"], IDS[parameter["name"]])
                # Swagger UI fills a field in from here, and not from the schema's list of examples.
                parameter["example"] = example
                parameter["schema"]["examples"] = [example]
