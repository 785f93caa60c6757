"""Text that was decoded wrongly before it reached us is put right, whatever charset it comes in; other text stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.process.mojibake import repair, repair_markup

RIGHT = "It’s a café — naïve, señor, isn’t it?"
WRONG = RIGHT.encode().decode("cp1252")


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "cp1252"])
def test_it_is_found_in_pages_of_any_charset(charset: str) -> None:
    markup = f"<p title='{WRONG}'>{WRONG}</p>\n<p>{'plain text ' * 9}</p>\n"
    body = markup.encode(charset)
    assert repair_markup(markup, body) == markup.replace(WRONG, RIGHT)


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("El niño comió piñón: “¿qué?”, año «señal».", "utf-8"),
        ("El niño comió piñón: “¿qué?”, año «señal».", "cp1252"),
        ("SÃO PAULO, MAÇÃ, CORAÇÃO", "cp1252"),
        ("L’été à la forêt — âge, île, Ünïcode", "cp1252"),
        ("Старая мельница снова вращается.", "cp1251"),
        ("古い水車は再び回り始めた。", "cp932"),
        ("老港口的潮汐磨坊再次转动。", "gb18030"),
        ("Η παλιά μυλόπετρα γυρίζει.", "iso-8859-7"),
        ("Větrný mlýn – žluťoučký kůň", "cp1250"),
    ],
)
def test_right_text_stays_as_it_is(text: str, charset: str) -> None:
    assert repair_markup(f"<p>{text}</p>", f"<p>{text}</p>".encode(charset)) == f"<p>{text}</p>"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (WRONG, RIGHT),
        (RIGHT.encode().decode("latin-1"), RIGHT),
        ("CafÃƒÂ©", "Café"),
        ("æ—¥æœ¬èªž", "日本語"),
        ("ðŸ˜€", "😀"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"),
        (f"{RIGHT}\n{WRONG}", f"{RIGHT}\n{RIGHT}"),
        ("A" * 30_000 + WRONG, "A" * 30_000 + WRONG),
    ],
)
def test_repair(wrong: str, right: str) -> None:
    assert repair(wrong) == right


def test_tags_stay_where_they_are() -> None:
    markup = f"<a href='/x?a=1&amp;b=2'>{WRONG}</a><!-- {WRONG} --><br>"
    assert repair_markup(markup, markup.encode()) == markup.replace(WRONG, RIGHT)


@given(st.text(st.characters(codec="cp1252"), max_size=60))
def test_what_is_ascii_around_it_is_never_touched(text: str) -> None:
    repaired = repair_markup(f"<p>{text}</p>", f"<p>{text}</p>".encode("cp1252"))
    assert repaired.startswith("<p>")
    assert repaired.endswith("</p>")


@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
def test_a_page_without_it_is_searched_in_milliseconds(charset: str) -> None:
    markup = "<p>El niño comió piñón — año “señal” café.</p>\n" * 3_000
    body = markup.encode(charset)
    began = time.process_time()
    assert repair_markup(markup, body) == markup
    assert time.process_time() - began < 0.2
