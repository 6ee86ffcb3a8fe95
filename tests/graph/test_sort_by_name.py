"""Lists sorted by name: as an alphabet has it, whatever made or renamed the rows."""

import io
from random import Random
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotAuthenticated
from core.http.caller import Caller
from core.resources import Resources
from dev.demo import load_demo
from graph.resolvers.context import Anonymous, Context
from graph.resolvers.product_import import import_products
from models import Product, User, sort_key
from models.sort_keys import MAX_SORT_KEY
from tests.client import Client
from tests.factories import make_admin, make_product, make_token, make_user
from tests.graph.documents import global_id, mutate

pytestmark = pytest.mark.anyio

#: In this order, whatever the case, the accents and the form of the letters.
ALPHABET = [
    *(
        "10-pack",
        "2-pack",
        "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}bo",
        "abroad",
        "A\N{COMBINING DIAERESIS}cker",
    ),
    *(
        "\N{LATIN CAPITAL LETTER AE}ther",
        "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}Air",
        "banana",
        "Banana split",
    ),
    *("CO\N{SOFT HYPHEN}OP", "cOOper", "\N{LATIN SMALL LETTER E WITH ACUTE}clair", "Eclipse"),
    *(
        "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}stanbul",
        "italic",
        "\N{LATIN CAPITAL LETTER L WITH STROKE}adder",
    ),
    *(
        "lamp",
        "O'Brien",
        "oakley",
        "\N{LATIN CAPITAL LETTER O WITH STROKE}l",
        "Stra\N{LATIN SMALL LETTER SHARP S}e",
    ),
    *("STRASSER", "\N{WRAPPED PRESENT} tea", "\N{FULLWIDTH LATIN CAPITAL LETTER T}eb", "zebra"),
    *("\N{GREEK CAPITAL LETTER ALPHA WITH TONOS}lpha", "\N{GREEK SMALL LETTER BETA}eta"),
    *("\N{CYRILLIC CAPITAL LETTER A}", "\N{CYRILLIC SMALL LETTER BE}"),
]


async def listed(client: Client, token: str, kind: str, direction: str, size: int = 7) -> list[str]:
    """Return the names of a list, read in pages of *size*."""
    field, name = {"products": ("NAME", "name"), "users": ("FULL_NAME", "fullName")}[kind]
    document = (
        f"query($after: String) {{ {kind}(first: {size}, after: $after,"
        f" orderBy: {{field: {field}, direction: {direction}}})"
        f" {{ nodes {{ {name} }} pageInfo {{ hasNextPage endCursor }} }} }}"
    )
    names: list[str] = []
    after: str | None = None
    while True:
        found = (await client.graphql(document, {"after": after}, token=token)).data[kind]
        names += [node[name] for node in found["nodes"]]
        if not found["pageInfo"]["hasNextPage"]:
            return names
        after = found["pageInfo"]["endCursor"]


@pytest.mark.parametrize("kind", ["products", "users"])
async def test_names_are_sorted_as_an_alphabet_has_them(client: Client, kind: str) -> None:
    admin = await make_admin(full_name="\N{CYRILLIC SMALL LETTER YA}")
    for name in Random(1).sample(ALPHABET, len(ALPHABET)):
        await (make_product(name=name) if kind == "products" else make_user(full_name=name))
    token = await make_token(client.resources, admin)
    ascending = ALPHABET if kind == "products" else [*ALPHABET, admin.full_name]
    assert await listed(client, token, kind, "ASC") == ascending
    assert await listed(client, token, kind, "DESC") == ascending[::-1]


async def test_what_makes_or_renames_a_row_keeps_its_key_right(client: Client) -> None:
    admin = await make_admin(full_name="An Admin")
    token = await make_token(client.resources, admin)
    created = await mutate(client, "createProduct", token=token, name="\u00c9clair", price="1")
    await mutate(client, "createProduct", token=token, name="zebra", price="1")
    await import_products(io.BytesIO(b"name,description,price,on_hand\nApfel,,1,0\nFeige,,1,0\n"))
    assert await listed(client, token, "products", "ASC") == ["Apfel", "\u00c9clair", "Feige", "zebra"]
    renamed = {"id": created["product"]["id"], "name": "\u017belazko"}
    await mutate(client, "updateProduct", token=token, **renamed)
    await mutate(client, "updateProduct", token=token, id=created["product"]["id"], price="2.00")
    assert await listed(client, token, "products", "ASC") == ["Apfel", "Feige", "zebra", "\u017belazko"]

    new: dict[str, Any] = {"email": "new@example.com", "fullName": "\u00d6zil", "password": "long enough"}
    user = await mutate(client, "createUser", token=token, **new)
    assert await listed(client, token, "users", "ASC") == ["An Admin", "\u00d6zil"]
    await mutate(client, "updateUser", token=token, id=user["user"]["id"], fullName="\u00c0bel")
    assert await listed(client, token, "users", "ASC") == ["\u00c0bel", "An Admin"]
    path = f"/users/{user['user']['databaseId']}"
    await client.v1("PATCH", path, token=token, json={"full_name": "zo\u00eb"})
    await client.v1("PATCH", path, token=token, json={"email": "newer@example.com"})
    assert await listed(client, token, "users", "ASC") == ["An Admin", "zo\u00eb"]
    assert (
        await client.v1(
            "POST",
            "/users",
            token=token,
            json={"email": "other@example.com", "full_name": "\u00c9a", "password": "long enough"},
        )
    ).status_code == 201
    await mutate(client, "setUserActive", token=token, id=global_id(admin), isActive=True)
    assert await listed(client, token, "users", "ASC") == ["An Admin", "\u00c9a", "zo\u00eb"]


@pytest.mark.usefixtures("owns_demo")
async def test_rows_made_in_bulk_have_their_keys(resources: Resources) -> None:
    await Product.bulk_create([Product(name=name, price=1) for name in ALPHABET])
    reason = NotAuthenticated()
    await load_demo(Context(resources, Caller(reason, "", "tandem"), Anonymous(reason)))
    products, users = await Product.all(), await User.all()
    assert [product.name_key for product in products] == [sort_key(product.name) for product in products]
    assert [user.full_name_key for user in users] == [sort_key(user.full_name) for user in users]
    assert (len(products), len(users)) == (len(ALPHABET) + 43, 2)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_a_key_is_bounded_and_never_empty_and_case_and_normal_form_change_nothing(text: str) -> None:
    key = sort_key(text)
    assert 0 < len(key) <= MAX_SORT_KEY
    assert sort_key(normalize("NFC", text)) == sort_key(normalize("NFD", text))


async def test_the_longest_name_of_the_widest_letters_can_be_stored_and_sorted(client: Client) -> None:
    """One character may become eighteen, and an entry of an index holds 2,704 bytes."""
    admin = await make_admin()
    for letter in (
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}",
        "\N{LINEAR B SYLLABLE B008 A}",
        "\N{PILE OF POO}",
    ):
        outcome = await mutate(client, "createProduct", user=admin, name=letter * 200, price="1")
        assert outcome["errors"] == []
    token = await make_token(client.resources, admin)
    assert len(await listed(client, token, "products", "ASC", size=1)) == 3
