"""Whether all servers gave the same answer, whatever its spelling: times, global ids, and PostGraphile's own shape."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.workloads import Face

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_FRACTION = re.compile(r"(?<=T\d\d:\d\d:\d\d)\.\d+")
_OUR_ID = re.compile(r"(Order|Product|User):(\d+)")


class AnswersDiffer(Exception):
    """Two servers told different things."""


def canonical(body: bytes, face: Face) -> Any:
    """Return the data of an answer in the one form that all servers' answers are compared in."""
    if face == "rest":
        # v1 tells whole seconds.
        return _plain(json.loads(_FRACTION.sub("", body.decode())))
    answer = json.loads(body)
    data = answer.get("data")
    if answer.get("errors") or data is None:
        raise AnswersDiffer(f"an error instead of data: {body[:300]!r}")
    return _plain(from_postgraphile(data) if face == "postgraphile" else data)


def _plain(value: Any) -> Any:
    """Write times and global ids in one way, numbers as what they are worth, and a schema's parts by name."""
    if isinstance(value, Mapping) and "__schema" in value:
        return _schema(value["__schema"]["types"])
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        if _TIME.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC).isoformat()
        return _decoded_id(value) or value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _schema(types: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the types by name, without those that a library brings: versions of GraphQL differ in them."""
    return {one["name"]: _by_name(one) for one in types if not one["name"].startswith("__")}


def _by_name(value: Any) -> Any:
    if isinstance(value, Mapping):
        # Libraries word the descriptions of the scalars that the specification brings in their own way.
        own = value if value.get("kind") != "SCALAR" else {"name": value["name"]}
        return {name: _by_name(inner) for name, inner in own.items()}
    if isinstance(value, list):
        named = all(isinstance(inner, Mapping) and "name" in inner for inner in value)
        return [
            _by_name(inner) for inner in (sorted(value, key=lambda one: str(one["name"])) if named else value)
        ]
    return value


def _decoded_id(text: str) -> str | None:
    """Return ``Order:1`` for a global id of ours or of PostGraphile (``["Order",1]``, or the table's name)."""
    if len(text) % 4 or len(text) > 60:
        return None
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    if _OUR_ID.fullmatch(decoded):
        return decoded
    if decoded.startswith("["):
        name, key = json.loads(decoded)
        return f"{name.removesuffix('s').capitalize()}:{key}"
    return None


def from_postgraphile(value: Any) -> Any:
    """Return PostGraphile's data in the shape of our schema: its amounts are minor units, its enums lower case."""
    if isinstance(value, list):
        return [from_postgraphile(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    if "viewer" in value:
        viewer = value["viewer"]
        if "order" in viewer:
            nodes = viewer["order"]["nodes"]
            return {"order": from_postgraphile(nodes[0]) if nodes else None}
        return from_postgraphile(viewer if "orders" in viewer else {"me": viewer})
    made = {}
    for name, inner in value.items():
        if name == "rowId":
            made["databaseId"] = inner
        elif name in ("total", "price", "unitPrice"):
            made[name] = _money(int(inner))
        elif name == "items":
            made[name] = from_postgraphile(inner["nodes"])
        elif name == "status":
            made[name] = inner.upper()
        else:
            made[name] = from_postgraphile(inner)
    return made


def _money(minor: int) -> dict[str, str]:
    return {"amount": f"{minor // 100}.{minor % 100:02}", "currency": "USD"}


def difference(one: Any, other: Any, path: str = "answer") -> str | None:
    """Return where two canonical answers differ first; None if they carry the same data.

    An amount without its currency equals the same amount with it: PostGraphile's answers carry none.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        names = one.keys() | other.keys()
        if "amount" in one and "amount" in other:
            names -= {"currency"}
        return _first(
            difference(one.get(name, "missing"), other.get(name, "missing"), f"{path}.{name}")
            for name in names
        )
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return _first(
            difference(a, b, f"{path}[{n}]") for n, (a, b) in enumerate(zip(one, other, strict=True))
        )
    return None if one == other else f"{path}: {str(one)[:80]} and {str(other)[:80]}"


def _first(found: Any) -> str | None:
    return next((each for each in found if each), None)
