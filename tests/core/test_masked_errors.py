"""What is kept of an error says where to look, and nothing that was in a row."""

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError

from core.masked_errors import masked_error
from core.resources import Resources
from engine.postgres import fetch


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("stock moved under its lock: 1 of 2"), "stock moved under its lock: 1 of 2"),
        (
            ValueError("invalid literal for int() with base 10: 'ada'"),
            "invalid literal for int() with base 10: …",
        ),
        (ValueError("cannot mail ada@example.com now"), "cannot mail … now"),
        (ValueError('what "a quote that does not end'), "what …"),
        (ValueError("isn't, wasn't"), "isn't, wasn't"),
        (ValueError("one\ntwo"), "one"),
        (ValueError("a\x1b[31mb\u202ec"), "a\\u001b[31mb\\u202ec"),
        (ValueError(), ""),
        (
            asyncpg.UniqueViolationError('duplicate key value violates unique constraint "users_email_live"'),
            'duplicate key value violates unique constraint "users_email_live"',
        ),
        (
            asyncpg.InvalidTextRepresentationError('invalid input syntax for type integer: "ada"'),
            "invalid input syntax for type integer: …",
        ),
    ],
)
def test_values_are_masked_and_names_stay(error: Exception, text: str) -> None:
    assert masked_error(error) == (type(error).__name__, text)


def test_what_is_kept_has_a_bound() -> None:
    name = "E" * 300
    kept = masked_error(type(name, (Exception,), {})("x " * 1_000))
    assert (len(kept[0]), len(kept[1])) == (100, 500)


@pytest.mark.anyio
async def test_the_details_of_the_database_are_left_out(resources: Resources) -> None:
    columns = "email, full_name, full_name_key, password_hash"
    row = f"INSERT INTO users ({columns}) VALUES ('ada@example.com', 'Ada', 'ada', 'x')"
    await fetch(row)
    with pytest.raises(IntegrityError) as refused:
        await fetch(row)
    assert "ada@example.com" in str(refused.value)
    name = 'duplicate key value violates unique constraint "users_email_live"'
    assert masked_error(refused.value) == ("UniqueViolationError", name)
