"""Requests that somebody sends to hurt: bodies of ``POST /graphql``, each of which must be refused, and cheaply."""

from collections.abc import Callable, Iterator

import orjson

#: Bytes; just under what a request may have.
LARGE = 900_000


def body(document: str, **more: object) -> bytes:
    """Return the body that sends *document*."""
    return orjson.dumps({"query": document} | more)


def bomb(levels: int, on: str = "User", inside: str = "id") -> str:
    """Return a document of a few hundred bytes that means ``2 ** levels`` fields."""
    fragments = [f"fragment F{n} on {on} {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return "{ me { ...F0 } } " + " ".join(fragments) + f" fragment F{levels} on {on} {{ {inside} }}"


def wide_bomb(levels: int, times: int) -> str:
    """Like :func:`bomb`, with more spreads in fewer fragments."""
    fragments = [f"fragment F{n} on User {{ {f'...F{n + 1} ' * times}}}" for n in range(levels)]
    return "{ me { ...F0 } } " + " ".join(fragments) + f" fragment F{levels} on User {{ id }}"


def ring(length: int) -> str:
    """Return fragments that spread each other in a circle."""
    fragments = [f"fragment F{n} on User {{ id ...F{(n + 1) % length} }}" for n in range(length)]
    return "{ me { ...F0 } } " + " ".join(fragments)


def mesh(size: int) -> str:
    """Return fragments each of which spreads all of them."""
    spreads = " ".join(f"...F{n}" for n in range(size))
    return "{ me { ...F0 } } " + " ".join(f"fragment F{n} on User {{ id {spreads} }}" for n in range(size))


def conflicting(fragments: int, fields: int) -> str:
    """Return fragments whose fields must all be compared with those of every other one."""
    parts = [
        f"fragment F{n} on User {{ {' '.join(f'a{n}_{m}: id' for m in range(fields))} x: email }}"
        for n in range(fragments)
    ]
    spreads = " ".join(f"...F{n}" for n in range(fragments))
    return f"{{ me {{ {spreads} x: fullName }} }} " + " ".join(parts)


def nested_conflicts(levels: int) -> str:
    """Return two selections that are alike down to their last fields, and merged level by level."""
    one = two = "id"
    for level in range(levels):
        inner = "user" if level % 2 else "orders { nodes"
        end = "}" if level % 2 else "} }"
        one, two = (
            (f"{inner} {{ {one} {end} {inner} {{ {two} {end}" for _ in range(2))
            if level < 6
            else (f"{inner} {{ {one} {end}", f"{inner} {{ {two} {end}")
        )
    return f"{{ me {{ {one} }} me {{ {two} }} }}"


def cyclic(levels: int) -> str:
    """Return a walk through a cycle of the schema, from users to their orders and back."""
    return "{ me { " + "orders { nodes { user { " * levels + "id" + " } } }" * levels + " } }"


def _documents() -> Iterator[tuple[str, str]]:
    yield "cycle of the schema, 5 times", cyclic(5)
    yield "cycle of the schema, 60 times", cyclic(60)
    yield (
        "cycle of the schema in fragments",
        "{ me { ...A } } "
        + " ".join(
            f"fragment {a} on User {{ orders {{ nodes {{ user {{ ...{b} }} }} }} }}"
            for a, b in ("AB", "BC", "CD", "DE")
        )
        + " fragment E on User { orders { nodes { user { id } } } }",
    )
    yield "1,000 aliases", "{ " + " ".join(f"a{n}: __typename" for n in range(1000)) + " }"
    yield (
        "450 aliases of a list",
        "{ " + " ".join(f"a{n}: products {{ totalCount }}" for n in range(280)) + " }",
    )
    yield (
        "100 sign-ins",
        "mutation { "
        + " ".join(
            f'a{n}: login(input: {{email: "a@example.com", password: "{n}"}}) {{ accessToken }}'
            for n in range(100)
        )
        + " }",
    )
    for levels in (22, 100, 150):
        yield f"bomb of 2^{levels}", bomb(levels)
    yield "bomb of 2^22 nested fields", bomb(22, inside="orders { nodes { id } }")
    yield "bomb of 40^20", wide_bomb(20, 40)
    yield "bomb of unknown fields", bomb(22, inside="nonsense")
    yield "bomb of inline fragments", "{ me { " + "... { ... on User { " * 95 + "x" + " } }" * 95 + " } }"
    yield "ring of 150 fragments", ring(150)
    yield "mesh of 25 fragments", mesh(25)
    yield "mesh of 40 fragments", mesh(40)
    yield (
        "fragment that spreads itself 400 times",
        "{ me { ...A } } fragment A on User { " + "...A " * 400 + "}",
    )
    yield (
        "300 unused fragments",
        "{ me { id } } " + " ".join(f"fragment F{n} on User {{ id }}" for n in range(250)),
    )
    yield "field 10,000 times", "{ me { " + "id " * 10_000 + "} }"
    yield "field 1,900 times", "{ me { " + "id " * 1_900 + "x } }"
    yield "object 100 times, just allowed", "{ " + "me { id } " * 100 + "x }"
    yield "two objects 70 times, just allowed", "{ " + "me { id } node(id: 1) { id } " * 70 + "x }"
    yield "object 480 times", "{ " + "me { id } " * 480 + "x }"
    yield "object 300 times, with arguments", "{ " + "products(first: 1) { totalCount } " * 180 + "x }"
    yield "conflict of 20 fragments", conflicting(20, 1)
    yield (
        "conflict of 100 fragments",
        "{ me { "
        + " ".join(f"...F{n}" for n in range(100))
        + " x: email } } "
        + " ".join(f"fragment F{n} on User {{ id fullName x: id }}" for n in range(100)),
    )
    yield "conflicts in nested copies", nested_conflicts(8)
    yield "1,000 directives", "{ me { id " + "@include(if: true) " * 1000 + "} }"
    yield "330 directives", "{ me { id " + "@skip(if: false) " * 330 + "x } }"
    yield "900 unknown directives", "{ me { id " + "@a " * 900 + "} }"
    yield "directives on 120 fields", "{ me { " + "id @include(if: true) @skip(if: false) " * 120 + "x } }"
    yield "1,800 unknown fields", "{ " + " ".join(f"produktss{n}" for n in range(1800)) + " }"
    yield (
        "900 unknown arguments",
        "{ products(" + " ".join(f"frist{n}: 1" for n in range(600)) + ") { totalCount } }",
    )
    yield "unknown types", "{ " + " ".join(f"...on Prodct{n} {{ id }}" for n in range(300)) + " }"
    yield "450 variables", "query(" + " ".join(f"$v{n}: Int" for n in range(450)) + ") { me { id } }"
    yield (
        "300 variables of unknown types",
        "query(" + " ".join(f"$v{n}: Itn{n}" for n in range(450)) + ") { me { id } }",
    )
    yield "500 undefined variables", "{ nodes(ids: [" + " ".join(f"$v{n}" for n in range(900)) + "]) { id } }"
    yield "200 operations", " ".join(f"query Q{n} {{ me {{ id }} }}" for n in range(230))
    yield "200 anonymous operations", "{ me { id } } " * 300
    yield "list of 1,900 values", "{ nodes(ids: [" + "1 " * 1_900 + "]) { id } }"
    yield "list of lists", "{ nodes(ids: " + "[" * 90 + "]" * 90 + ") { id } }"
    yield (
        "object in objects",
        "mutation { login(input: " + "{email: " * 90 + "1" + "}" * 90 + ") { accessToken } }",
    )
    yield "bottomless selections", "{me" * 20_000
    yield "bottomless lists", "{ nodes(ids: " + "[" * 90_000
    yield "a comment of 900 kB", "#" * LARGE
    yield "99,000 comments", "#\n" * 49_000 + "{"
    yield "a string of 900 kB", '{ node(id: "' + "x" * LARGE + '") { id } }'
    yield "a block string of 99 kB", '{ node(id: """' + "\\n x\n" * 16_000 + '""") { id x } }'
    yield "a string of 99 kB of escapes", '{ node(id: "' + "\\u0041" * 16_000 + '") { id x } }'
    yield "a name of 99 kB", "{ " + "x" * 99_000 + " }"
    yield "names alike of 4 kB", "{ " + " ".join("product" + "s" * 3000 + str(n) for n in range(30)) + " }"
    yield "a number of 99 kB", "{ products(first: " + "9" * 99_000 + ") { totalCount x } }"
    yield (
        "a fraction of 99 kB",
        "{ products(first: 1." + "9" * 98_000 + "e" + "9" * 900 + ") { totalCount } }",
    )
    yield "commas of 99 kB", "{" + "," * 99_000 + "x }"
    yield "byte order marks", "\ufeff" * 30_000 + "{ x }"
    yield "letters of other scripts", "{ p\u0430ssword }"
    yield "right-to-left overrides", "{ me { id \u202e } }"
    yield "null characters", "{ me { id\x00 } }"
    yield "a broken surrogate in a string", '{ node(id: "\\ud800") { id x } }'
    yield (
        "introspection 20 levels deep",
        "{ __schema { types { " + "fields { type { " * 4 + "name " + "} } " * 4 + "} } }",
    )
    yield (
        "introspection under 30 aliases",
        "{ "
        + " ".join(
            f"a{n}: __schema {{ types {{ fields {{ args {{ type {{ name }} }} }} x }} }}" for n in range(30)
        )
        + " }",
    )


def _variables() -> Iterator[tuple[str, bytes]]:
    ids = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on User { orders { totalCount } } } }"
    states = "query($s: [OrderStatus!]) { orders(filter: {status: $s}) { totalCount } }"
    create = "mutation($i: CreateOrderInput!) { createOrder(input: $i) { errors { code } } }"
    login = "mutation($i: LoginInput!) { login(input: $i) { accessToken } }"
    yield "20,000 ids", body(ids, variables={"ids": ["VXNlcjox"] * 20_000})
    yield "200,000 numbers as states", body(states, variables={"s": [1] * 200_000})
    yield "90,000 unknown states", body(states, variables={"s": ["PENDIN"] * 80_000})
    yield (
        "90,000 wrong lines",
        body(create, variables={"i": {"items": [{}] * 200_000, "shippingAddress": "x"}}),
    )
    yield (
        "3,300 wrong lines, just allowed",
        body(create, variables={"i": {"items": [{"a": 1, "b": 2}] * 3_300, "shippingAddress": "x"}}),
    )
    yield "9,900 unknown states, just allowed", body(states, variables={"s": ["PENDIN"] * 9_900})
    yield (
        "60,000 unknown fields in a variable",
        body(login, variables={"i": {f"emial{n}": 1 for n in range(60_000)}}),
    )
    yield (
        "40,000 variables that nobody asked for",
        body("{ x }", variables={f"v{n}": n for n in range(60_000)}),
    )
    yield (
        "a number beyond 64 bits",
        b'{"query": "query($n: Int) { products(first: $n) { totalCount } }", "variables": {"n": '
        + b"9" * 800_000
        + b"}}",
    )
    yield (
        "a number beyond all bounds",
        b'{"query": "query($n: Int) { products(first: $n) { totalCount } }", "variables": {"n": 1e999}}',
    )
    yield (
        "a variable of 900 levels",
        b'{"query": "query($i: LoginInput!) { login(input: $i) { accessToken } }", "variables": {"i": '
        + b'{"a":' * 900
        + b"1"
        + b"}" * 901
        + b"}",
    )


def _bodies() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "a number", b"1"
    yield "null", b"null"
    yield "a text", b'"{ me { id } }"'
    yield "a list", b"[]"
    yield "a batch of 10,000", b"[" + b",".join([b'{"query":"{me{id}}"}'] * 10_000) + b"]"
    yield "invalid UTF-8", b'{"query": "{ me { id } } \xff\xfe"}'
    yield "overlong UTF-8", b'{"query": "{ me { id } } \xc0\xaf"}'
    yield "UTF-16", '{"query": "{ me { id } }"}'.encode("utf-16")
    yield "a lone surrogate", b'{"query": "\\ud800"}'
    yield "lists without end", b"[" * LARGE
    yield "objects without end", b'{"a":' * (LARGE // 5)
    yield "a closed pit of lists", b'{"query": ' + b"[" * 400_000 + b"]" * 400_000 + b"}"
    yield "100,000 keys", orjson.dumps({f"key{n}": n for n in range(60_000)})
    yield "one key 80,000 times", b"{" + b",".join([b'"query":1'] * 80_000) + b"}"
    yield "a query that is an object", b'{"query": {"a": 1}}'
    yield "a query that is a list", b'{"query": ["{ me { id } }"]}'
    yield "variables that are a list", b'{"query": "{ me { id } }", "variables": [1]}'
    yield "extensions that are a text", b'{"query": "{ me { id } }", "extensions": "x"}'
    yield "an operation name that is a number", b'{"query": "{ me { id } }", "operationName": 1}'
    yield "an operation name of 900 kB", body("query A { me { id } }", operationName="x" * LARGE)
    yield (
        "a hash of 900 kB",
        orjson.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * LARGE}}}),
    )
    yield "an id of 900 kB", orjson.dumps({"documentId": "x" * LARGE})
    yield "comments in JSON", b'{"query": "{ me { id } }" /* x */}'
    yield "not a number", b'{"query": "{ me { id } }", "variables": {"a": NaN}}'


def hostile_requests() -> dict[str, bytes]:
    """Return all bodies by what they are."""
    found = {name: body(document) for name, document in _documents()}
    sources: tuple[Callable[[], Iterator[tuple[str, bytes]]], ...] = (_variables, _bodies)
    for source in sources:
        found.update(source())
    return found
