"""The main text is what a page is about: its furniture is left out, and a page without prose gives what it shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import PROSE, html, page

PARAGRAPHS = "".join(f"<p>{line}</p>" for line in PROSE.split("\n"))


def text_of(body: str) -> str:
    return page(f"<!doctype html><title>Tide mill</title><body>{body}</body>").main_text.text


@pytest.mark.parametrize(
    ("furniture", "unwanted"),
    [
        ("<nav><ul><li><a href=/a>Home page</a><li><a href=/b>All the news</a></ul></nav>", "All the news"),
        ("<footer><p>© 2026 The Harbour Press. All rights reserved.</p></footer>", "Harbour Press"),
        (
            "<div class='cookie-consent'><p>We use cookies to improve your visit.</p><button>Accept</button></div>",
            "Accept",
        ),
        ("<aside class='sidebar related'><h3>Related</h3><a href=/x>Another mill burns down</a></aside>", "burns down"),
        ("<div class='share-buttons'><a href=/f>Share on Facebook</a> <a href=/t>Tweet</a></div>", "Facebook"),
        ("<form class=newsletter><label>Your email</label><button>Subscribe</button></form>", "Subscribe"),
    ],
)
def test_furniture_is_left_out(furniture: str, unwanted: str) -> None:
    text = text_of(f"<main><article><h1>Tide mill</h1>{PARAGRAPHS}</article></main>{furniture}")
    assert unwanted not in text
    assert PROSE in text


def test_headings_lists_tables_code_and_quotes_between_the_paragraphs_are_kept() -> None:
    first, second, third = PROSE.split("\n")
    markdown = page(
        html(
            body=f"<h1>Tide mill</h1><p>{first}</p><h2>The wheel</h2><ul><li>oak beams that carry the roof<li>iron"
            f"</ul><p>{second}</p><table><tr><th>Year<th>Flour<tr><td>1936<td>12 tons</table><blockquote><p>{third}</p>"
            "</blockquote><pre>turn(wheel)</pre>"
        )
    ).main_text.markdown
    for kept in ("## The wheel", "- oak beams", "| 1936 | 12 tons |", "> Engineers", "```\nturn(wheel)\n```"):
        assert kept in markdown


@pytest.mark.parametrize(
    ("body", "text"),
    [("", ""), ("<div>Closed.</div>", "Closed."), ("<nav><a href=/>Home</a></nav>", "Home"), ("bare", "bare")],
)
def test_a_page_that_seems_to_have_no_content_gives_what_it_shows(body: str, text: str) -> None:
    assert text_of(body) == text


def test_a_text_in_a_script_without_spaces_is_found() -> None:
    prose = "潮汐磨坊在沉寂了九十年之后再次转动起来。志愿者们在去年冬天修好了水闸,并在四月磨出了第一批面粉。"
    assert prose in text_of(f"<nav><a href=/>首页</a></nav><main><p>{prose}</p><p>{prose}</p></main>")


@given(st.text(alphabet="<>/ab=\"' pdivultrhnotae&;!-", max_size=300))
def test_any_page_gives_a_text(markup: str) -> None:
    given_page = page(markup)
    assert isinstance(given_page.main_text.text, str)
    assert given_page.dates.published == []


def test_a_base_of_absurd_length_is_no_base() -> None:
    markup = f"<base href='https://x.example/{'y' * 5_000}/'><p><a href=z>link</a></p>"
    assert page(markup).base_url == "https://mill.example/news/mill.html"
