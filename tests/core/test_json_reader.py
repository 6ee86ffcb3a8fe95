"""JSON of others: one reader, which takes RFC 8259 in UTF-8 and nothing else."""

from typing import Any

import pytest

from core.json_reader import InvalidJson, parse_json

#: What is no JSON in UTF-8, though some reader takes it.
REFUSED = {
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "Latin-1": b'{"a": "\xe9"}',
    "an overlong form": b'{"a": "\xc0\xaf"}',
    "half a surrogate pair in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "half a surrogate pair, escaped": b'{"a": "\\ud800"}',
    "its other half": b'{"a": "\\udc00x"}',
    "half of it in a key": b'{"\\ud800": 1}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": -Infinity}',
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "a mark alone": b"\xef\xbb\xbf",
    "a mark behind": b"{}\xef\xbb\xbf",
    "two values": b"{} {}",
    "a comment": b"{} // so",
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a": 1,}',
    "a zero in front": b'{"a": 01}',
    "a control character": b'{"a": "\n"}',
    "bottomless nesting": b"[" * 100_000,
    "bottomless digits": b"9" * 5_000,
    "nothing": b"",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_not_json_in_utf8_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidJson):
        parse_json(text)


def test_half_a_surrogate_pair_in_a_text_is_refused() -> None:
    with pytest.raises(InvalidJson):
        parse_json('{"a": "\ud800"}')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('\ufeff{"a": 1}', {"a": 1}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\xef\xbb\xbf"', "\ufeff"),
        (b"18446744073709551617", 2**64 + 1),
        (b"9" * 400, 10**400 - 1),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'"\\u0000"', "\0"),
    ],
)
def test_what_is_json_is_read(text: bytes | str, value: Any) -> None:
    assert parse_json(text) == value
