"""What cannot be seen, held to Unicode's categories and its list of default ignorables."""

import re
import sys
import unicodedata

import pytest

from core.blank import INVISIBLE, is_blank

#: Default_Ignorable_Code_Point of the Unicode Character Database (DerivedCoreProperties.txt), which Python has not.
DEFAULT_IGNORABLE = {
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFF9),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE1000),
}
#: Format controls that are seen: they enclose numbers (Prepended_Concatenation_Mark), or are signs of their own.
SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
BRAILLE_BLANK = 0x2800


def shows_nothing(code: int) -> bool:
    category = unicodedata.category(chr(code))
    return (
        code in DEFAULT_IGNORABLE
        or code == BRAILLE_BLANK
        or chr(code).isspace()
        or category in ("Cc", "Zs", "Zl", "Zp")
        or (category == "Cf" and code not in SEEN)
    )


def test_every_character_that_shows_nothing_is_blank_and_no_other() -> None:
    # What a later Unicode has made a format control, this Python may not know yet.
    later = set(range(0x13439, 0x13440))
    wrong = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if code not in later and is_blank(chr(code)) != shows_nothing(code)
    ]
    assert wrong == []


def test_the_class_for_other_languages_says_the_same_up_to_its_end() -> None:
    invisible = re.compile(f"[{INVISIBLE}]")
    wrong = [hex(code) for code in range(0x10000) if bool(invisible.match(chr(code))) != is_blank(chr(code))]
    assert wrong == []


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b", "\u3164\u2800", " \u2060\ufeff\u00ad", "\U000e0041"])
def test_a_text_of_nothing_else_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "\u200bx",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👩\u200d👩\u200d👧",
        "❤\ufe0f",
        "\u0301",
        "\U0001f44d",
    ],
)
def test_a_text_with_anything_visible_is_not(text: str) -> None:
    assert not is_blank(text)
