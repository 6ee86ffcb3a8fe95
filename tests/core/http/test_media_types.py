"""Media types in headers are read as RFC 9110 sections 5.6, 8.3.1 and 12.5.1 have them, whatever is sent."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.http.media_types import Accept, read_media_type


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"application/json", "application/json"),
        (b"Application/JSON", "application/json"),
        (b" application/json ;charset=utf-8", "application/json"),
        (b'application/json;a="b;c, d";Q=1', "application/json"),
        (b'application/json;a="\\", b/c"', "application/json"),
        (b"application/json;", "application/json"),
        (b"application/json, application/json;charset=utf-8", "application/json"),
        (b"application/json-patch+json", "application/json-patch+json"),
        (b"application/json, text/plain", ""),
        (b"application/json, nonsense", ""),
        (b"application /json", ""),
        (b"application/", ""),
        (b"/json", ""),
        (b"application", ""),
        (b"\xe9/json", ""),
        (b";charset=utf-8", ""),
        (b'"application/json"', ""),
        (b"", ""),
    ],
)
def test_a_body_is_of_the_one_media_type_that_it_names(value: bytes, expected: str) -> None:
    assert read_media_type(value) == expected


@pytest.mark.parametrize(
    ("value", "name", "quality"),
    [
        # RFC 9110 section 12.5.1.
        (b"audio/*; q=0.2, audio/basic", "audio/basic", 1),
        (b"audio/*; q=0.2, audio/basic", "audio/mp3", 0.2),
        (b"text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c", "text/plain", 0.5),
        (b"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "text/html", 0.3),
        (b"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "image/jpeg", 0.5),
        # q=0 is not acceptable, wherever wildcards stand.
        (b"*/*, text/html;q=0", "text/html", 0),
        (b"text/html;q=0.000, */*", "text/html", 0),
        (b"TEXT/HTML;Q=0.4", "text/html", 0.4),
        (b'text/html;a=", text/plain";q=0.4', "text/plain", 0),
        (b'text/html;a="q=0;"', "text/html", 1),
        (b"text/html;q=2", "text/html", 1),
        (b"text/html;q=x, text/plain", "text/html", 0),
        # Java's own client.
        (b"text/html, image/gif, *; q=.2, */*; q=.2", "text/plain", 0.2),
        # Nothing that can be read is as good as nothing (RFC 9110 section 12.5.1).
        (b"", "text/html", 1),
        (b", ,", "text/html", 1),
        (b"nonsense", "text/html", 1),
    ],
)
def test_a_media_type_is_liked_as_the_range_says_that_fits_it_best(
    value: bytes, name: str, quality: float
) -> None:
    assert Accept(value).quality(name) == quality


@given(st.binary(max_size=200) | st.text(alphabet='ab/*;=q0.1,"\\ ', max_size=60).map(str.encode))
@settings(deadline=None)
def test_any_value_is_read(value: bytes) -> None:
    assert 0 <= Accept(value).quality("a/b") <= 1
    assert read_media_type(value) == read_media_type(value).lower()
