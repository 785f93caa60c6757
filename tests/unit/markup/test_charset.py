"""Bytes become the text that their author wrote, whatever the site says of its encoding."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.markup.charset import MISDECLARED, decode

SPANISH = "El niño comió jamón y se marchó mañana — «qué día», dijo."


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        pytest.param("ä€".encode(), "text/html", "ä€", id="plain UTF-8"),
        pytest.param(b"\xef\xbb\xbfhi", "text/html; charset=latin-1", "hi", id="a UTF-8 mark beats the header"),
        pytest.param(b"\xff\xfeh\x00i\x00", "", "hi", id="UTF-16 little endian by its mark"),
        pytest.param(b"\xfe\xff\x00h\x00i", "", "hi", id="UTF-16 big endian by its mark"),
        pytest.param("ä€".encode("cp1252"), "text/html; charset=ISO-8859-1", "ä€", id="latin-1 means windows-1252"),
        pytest.param("ä".encode("cp1252"), 'text/html; charset="windows-1252"', "ä", id="quoted charset"),
        pytest.param(b'<meta charset="windows-1251">' + "Привет".encode("cp1251"), "", None, id="meta charset"),
        pytest.param(
            b'<META http-equiv=Content-Type content="text/html; charset=windows-1251">' + "Привет".encode("cp1251"),
            "text/html",
            None,
            id="http-equiv",
        ),
        pytest.param("日本".encode("shift_jis"), "text/html; charset=Shift_JIS", "日本", id="Japanese"),
        pytest.param("中文".encode("gb18030"), "text/html; charset=gb2312", "中文", id="gb2312 means gb18030"),
        pytest.param(b"a\x81b", "text/html; charset=windows-1252", "a\x81b", id="bytes that windows-1252 leaves open"),
        pytest.param("ä".encode(), "text/html; charset=no-such-thing", "ä", id="unknown charset, valid UTF-8"),
        pytest.param(b'<meta charset="utf-16">' + "ä".encode(), "", None, id="a meta tag cannot be in UTF-16"),
        pytest.param(b"<!-- <meta charset=koi8-r> -->" + "ä".encode(), "", None, id="a comment declares nothing"),
        pytest.param(b"", "", "", id="nothing"),
    ],
)
def test_decode(body: bytes, content_type: str, text: str | None) -> None:
    found, flags = decode(body, content_type)
    assert found == text if text is not None else found.endswith(("Привет", "ä"))
    assert flags == ((MISDECLARED,) if "no-such" in content_type else ())


def test_a_charset_that_does_not_fit_is_passed_over_and_flagged() -> None:
    text, flags = decode((SPANISH * 5).encode("cp1252"), "text/html; charset=utf-8")
    assert text == SPANISH * 5
    assert flags == (MISDECLARED,)


def test_without_any_declaration_the_bytes_tell() -> None:
    russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
    assert decode(russian.encode("cp1251")) == (russian, ())


def test_a_codec_that_is_no_charset_is_not_run() -> None:
    assert decode(b"aGk=", "text/plain; charset=base64") == ("aGk=", (MISDECLARED,))


@given(st.binary(max_size=300), st.sampled_from(["", "text/html; charset=utf-8", "text/html; charset=euc-jp"]))
def test_any_bytes_give_some_text(body: bytes, content_type: str) -> None:
    text, _ = decode(body, content_type)
    assert isinstance(text, str)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_valid_utf8_is_read_as_it_is(text: str) -> None:
    assert decode(text.encode(), "text/html; charset=utf-8")[0] == text.removeprefix("\ufeff")


@pytest.mark.parametrize("label", ["punycode", "idna", "PunyCode"])
def test_codecs_of_host_names_are_no_charsets(label: str) -> None:
    body = b"-" + b"a" * 1_000_000
    begun = time.process_time()
    text, flags = decode(body, f"text/html; charset={label}")
    assert (len(text), flags) == (len(body), ("charset_misdeclared",))
    assert time.process_time() - begun < 1
