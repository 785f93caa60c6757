"""References stand for characters, in whatever way their numbers are written, and no number is too long to be read."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.markup.references import unescape


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a &amp; b &#38; c &#x26; d", "a & b & c & d"),
        ("&#" + "0" * 5_000 + "38;", "&"),
        ("&#" + "0" * 5_000 + ";.", "\ufffd."),
        ("&#3" + "8" * 5_000 + ";.", "\ufffd."),
        ("&#3" + "8" * 5_000 + ".", "\ufffd."),
        ("&#x" + "F" * 5_000 + ";.", "\ufffd."),
    ],
    ids=["usual", "zeros", "nothing but zeros", "endless", "endless and open", "hexadecimal"],
)
def test_references(text: str, plain: str) -> None:
    assert unescape(text) == plain


@given(st.text(alphabet="&#x0129aF;m lt", max_size=40))
def test_all_others_are_read_as_python_does(text: str) -> None:
    assert unescape(text) == html.unescape(text)
