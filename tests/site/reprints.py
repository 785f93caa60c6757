"""The same text at several addresses: exact copies with and without rel=canonical, and near copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.site.articles import article_html, find_article
from tests.site.layout import link_list, paragraph, shell
from tests.site.page import Page
from tests.site.sections import index_page, plain_expected
from tests.site.text import filler

WITH_CANONICAL = "a-night-shift-among-the-stacks"
WITHOUT_CANONICAL = "what-the-card-catalogue-remembers"
NEAR = ("the-branch-line-with-one-passenger", "laying-track-the-way-it-was-done-in")
_LATE = ("/reprints/z-found-first.html", "/reprints/a-found-later.html")
_CHANGES = (
    ("eleven", "twelve"),
    (" until ", " till "),
    ("small", "little"),
    (" because ", " since "),
    ("Sixteen", "Seventeen"),
    ("single", "lone"),
    ("twenty", "thirty"),
)


def reprint_pages() -> Iterator[Page]:
    """Give the copies and their index; the originals stand among the articles."""
    pages = [
        *_copies(WITH_CANONICAL, ("/amp", "/print", "/reprints/2019")),
        *_copies(WITHOUT_CANONICAL, ("/mirror", "/reprints/2020")),
        *(_near_copy(slug) for slug in NEAR),
        *_late_original(),
    ]
    opening = (
        "Good articles travel: they are printed again for the reading room, copied by friendly newspapers, and now and "
        "then improved by an editor with an idle afternoon."
    )
    links = [(page.path, page.path) for page in pages if page.path != _LATE[1]]
    yield index_page("/reprints/", "Reprints and copies", opening, links)
    yield from pages


def _copies(slug: str, folders: tuple[str, ...]) -> Iterator[Page]:
    """Give copies to the last byte. The original is named by rel=canonical, or else has the smallest URL."""
    article = find_article(slug)
    original = article.expected
    for folder in folders:
        expected = replace(
            original,
            path=f"{folder}/{slug}.html",
            outcome="duplicate",
            documents=0,
            duplicate_of=article.path,
        )
        yield Page(expected, lambda base: article_html(article, base))


def _near_copy(slug: str) -> Page:
    """Give a copy in which an editor has changed a few words."""
    article = find_article(slug)
    expected = replace(
        article.expected,
        path=f"/reprints/near/{slug}.html",
        must_contain=(_edited(article.expected.must_contain[0]),),
        outcome="duplicate",
        documents=0,
        duplicate_of=article.path,
        near_duplicate_of=article.path,
        canonical=None,
    )

    def html(base: str) -> str:
        page = article_html(article, base)
        head, middle, rest = page.partition("<article>")
        head = "\n".join(line for line in head.splitlines() if 'rel="canonical"' not in line)
        return head.replace(article.path, expected.path) + middle + _edited(rest)

    return Page(expected, html)


def _edited(words: str) -> str:
    for old, new in _CHANGES:
        words = words.replace(old, new)
    return words


def _late_original() -> Iterator[Page]:
    """Two equal pages without rel=canonical; the smaller URL, the original, is linked only from the larger one."""
    late, early = _LATE
    title = "The original comes late"
    sentences = (
        "Two printers set the same page on the same night, and the one who finished first was not the author.",
        "The court decided for the alphabet, which is the cheapest of judges.",
    )
    body = paragraph(sentences) + paragraph(filler("late original", 6))
    below = link_list([(early, "One copy"), (late, "The other")])
    html = shell(title, f"<article><h1>{title}</h1>{body}</article>{below}")
    original = plain_expected(early, title, sentences)
    yield Page(replace(original, path=late, outcome="duplicate", documents=0, duplicate_of=early), lambda base: html)
    yield Page(original, lambda base: html)
