"""Authors are names of people, without what pages write around them; bylines are read near the title."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import PROSE, page

from tidemill.process.extract.article import extract_article
from tidemill.process.extract.authors import byline_of, join_authors

PARAGRAPHS = "".join(f"<p>{line}</p>" for line in PROSE.split("\n"))


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["By Ann Weir"], "Ann Weir"),
        (["Ann Weir and Tom Race"], "Ann Weir, Tom Race"),
        (["Ann Weir, Tom Race, Eva Sluice"], "Ann Weir, Tom Race, Eva Sluice"),
        (["Ann Weir, Senior Editor"], "Ann Weir"),
        (["Ann Weir", "ann  weir"], "Ann Weir"),
        (["admin"], None),
        (["https://mill.example/ann", "ann@mill.example"], None),
        (["The Mill", "Ann Weir"], "Ann Weir"),
        (["The Mill"], "The Mill"),
        ([], None),
    ],
)
def test_names(given: list[str], names: str | None) -> None:
    assert join_authors(given, "The Mill") == names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("By Ann Weir", "Ann Weir"),
        ("Written by Ann Weir on April 3, 2026", "Ann Weir"),
        ("von Anna Wehr", "Anna Wehr"),
        ("Por Ana Presa", "Ana Presa"),
        ("By the sea", None),
        ("Ann Weir", None),
        ("Bystanders saw Ann Weir", None),
        ("By 2030 all mills", None),
    ],
)
def test_bylines(text: str, name: str | None) -> None:
    assert byline_of(text) == name


@pytest.mark.parametrize(
    ("body", "author"),
    [
        (f"<h1>The mill</h1><p>By Ann Weir</p>{PARAGRAPHS}", "Ann Weir"),
        (f"<h1>The mill</h1>{PARAGRAPHS}<div class=comments><p>By Tom Race</p></div>", None),
        (f"<h1>The mill</h1>{PARAGRAPHS}{PARAGRAPHS}<p>By Tom Race</p>", None),
    ],
)
def test_an_author_is_shown_near_the_title(body: str, author: str | None) -> None:
    (draft,) = extract_article(page(f"<title>The mill</title><body>{body}</body>"))
    assert draft.author == author
    assert draft.provenance.get("author") == (None if author is None else "byline@1 near title")


@pytest.mark.parametrize(
    "text",
    ["a b c d, " * 60 + "x", "a b " * 150, "by" + " senior" * 80, "," * 600, " and" * 150, "by " + "A. " * 190],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    join_authors([text])
    byline_of(f"by {text}")
    assert time.process_time() - began < 1


@given(st.text(alphabet="ab AB,;|&.-by/@", max_size=60))
def test_any_text_gives_names_or_nothing(text: str) -> None:
    names = join_authors([text])
    assert names is None or names.strip(" ,") == names != ""
