"""The normal form of an address: one for all ways to write it, its own normal form, and what has none."""

import sys
import unicodedata

import pytest
from email_validator import EmailNotValidError

from core.email_addresses import MAX_EMAIL, normal_email, parse_email, read_email

#: Code points on which lower case or NFC has an effect, and some around each.
INTERESTING = sorted(
    {
        code
        for point in range(sys.maxunicode + 1)
        if chr(point).lower() != chr(point) or unicodedata.normalize("NFC", chr(point)) != chr(point)
        for code in (point, min(point + 1, sys.maxunicode))
    }
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("ada@example.com", "ada@example.com"),
        (" ADA@Example.COM\n", "ada@example.com"),
        ("ÜNAL@example.com", "ünal@example.com"),
        ("U\u0308nal@example.com", "ünal@example.com"),
        ("ADM\u0130N@example.com", "admi\u0307n@example.com"),
        ("ADMI\u0307N@example.com", "admi\u0307n@example.com"),
        ("ΣΊΣΥΦΟΣ@example.com", "σίσυφος@example.com"),
        ("o@xn--bcher-kva.example.com", "o@bücher.example.com"),
        ("o@XN--BCHER-KVA.example.com", "o@bücher.example.com"),
        ("o@BÜCHER.example.com", "o@bücher.example.com"),
        ("o@bu\u0308cher.example.com", "o@bücher.example.com"),
        ("o@\uff45\uff58ample\u3002com", "o@example.com"),
        ("o@straße.example.com", "o@straße.example.com"),
        ("o@ΒΌΛΟΣ.example.com", "o@βόλοσ.example.com"),
        ("o@printer.local", "o@printer.local"),
        ("o@shop.test", "o@shop.test"),
        ("o@shop.internal", "o@shop.internal"),
    ],
)
def test_all_ways_to_write_an_address_have_one_form(written: str, expected: str) -> None:
    assert read_email(written) == normal_email(written) == expected
    assert read_email(expected) == expected


@pytest.mark.parametrize(
    ("pattern", "step"), [("a{}b@example.com", 1), ("{}@example.com", 1), ("a@b{}b.example.com", 20)]
)
def test_the_normal_form_is_its_own(pattern: str, step: int) -> None:
    read = 0
    for code in INTERESTING[::step]:
        try:
            form = read_email(pattern.format(chr(code)))
        except EmailNotValidError:
            continue
        read += 1
        assert read_email(form) == form == normal_email(form), hex(code)
        # What the database is held to: no locale finds anything left to do in ASCII.
        assert not any(character.isascii() and character.isupper() for character in form), hex(code)
    assert read > 100


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must have an @-sign"),
        ("@example.com", "something before the @-sign"),
        ("ada@", "something after the @-sign"),
        ("ada@example", "should have a period"),
        ("ada@localhost", "should have a period"),
        ("ada@shop.invalid", "special-use or reserved name"),
        ("a\u200bda@example.com", "ZERO WIDTH SPACE"),
        ("a\0da@example.com", "U+0000"),
        ("a\ud800da@example.com", "U+D800"),
        ("Ada <ada@example.com>", "display name"),
        ("x" * 243 + "@example.com", "too long"),
        ("\u0301\u0323" * 500_000, "too long"),  # NFC takes quadratic time for this
        ("x@" + "\u0301\u0323" * 500_000, "too long"),
    ],
)
def test_what_is_no_address_is_told_why(text: str, reason: str) -> None:
    with pytest.raises(EmailNotValidError, match=f"(?i){reason.replace('+', '.')}"):
        read_email(text)
    with pytest.raises(EmailNotValidError):
        parse_email(text)
    assert len(normal_email(text)) <= MAX_EMAIL


def test_what_is_no_address_is_looked_up_in_one_form_too() -> None:
    assert {normal_email(text) for text in ("Root@Localhost", " root@localhost ", "ROOT@LOCALHOST")} == {
        "root@localhost"
    }


def test_the_parts_of_an_address_keep_their_case() -> None:
    assert parse_email("Shop@Example.com").normalized == "Shop@example.com"
