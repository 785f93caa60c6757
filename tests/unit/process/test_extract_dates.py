"""A page has the date that it declares, or shows for itself; one of which nothing tells has none."""

from __future__ import annotations

import time

import pytest
from tests.unit.process.pages import PROSE, jsonld, page

from tidemill.process.extract.article import extract_article
from tidemill.process.extract.page import Page

PARAGRAPHS = "".join(f"<p>{line}</p>" for line in PROSE.split("\n"))
NAMED = "https://mill.example/news/the-mill-turns-again"
THREAD = "https://mill.example/forum/threads/12"


def read(body: str, head: str = "", url: str = NAMED) -> Page:
    return page(f"<!doctype html><title>The mill turns again</title>{head}<body>{body}</body>", url)


def published(body: str, head: str = "", url: str = NAMED) -> tuple[str, str] | None:
    (draft,) = extract_article(read(body, head, url))
    if draft.published_at is None:
        return None
    return draft.published_at.date().isoformat(), draft.provenance["published_at"].partition("@")[0]


@pytest.mark.parametrize(
    "shown",
    [
        "Published: 3 April 2026", "Posted on April 3, 2026", "Publicado el 3 de abril de 2026",
        "03.04.2026 — Ann Weir",
        "<time datetime=2026-04-03T10:00:00Z>Friday</time>", "<span>Published</span><div>2026-04-03</div>",
        "2026年4月3日",
        "Veröffentlicht am 3. April 2026",
    ],
)  # fmt: skip
def test_a_day_near_the_title_is_that_of_the_page(shown: str) -> None:
    given = f"<h1>The mill turns again</h1><p>{shown}</p>{PARAGRAPHS}"
    assert published(given, "<html lang=de-DE>") == ("2026-04-03", "shown")


@pytest.mark.parametrize(
    "other",
    [
        "© 2026-04-03 Harbour Press", "Event starts 3 April 2026", "Joined 3 April 2026",
        "Offer valid until 3 April 2026",
        "Published: 3 April 2099",
    ],
)  # fmt: skip
def test_days_of_other_things_and_days_to_come_are_not(other: str) -> None:
    assert published(f"<h1>The mill turns again</h1><p>{other}</p>{PARAGRAPHS}") is None


def test_days_in_comments_and_related_articles_are_not() -> None:
    others = "<div class=comments><p>Posted on 3 April 2026</p></div><div class=related><p>2 April 2026</p></div>"
    assert published(f"<h1>The mill turns again</h1>{PARAGRAPHS}{others}") is None


def test_a_front_page_has_none() -> None:
    head = '<meta property="article:published_time" content="2026-04-03">'
    assert published(f"<h1>The mill</h1><p>3 April 2026</p>{PARAGRAPHS}", head, "https://mill.example/") is None


def test_a_list_of_pages_has_none() -> None:
    items = "".join(f"<h2>Story {day}</h2><p>{day} April 2026</p>" for day in range(1, 9))
    assert published(f"<h1>All stories</h1>{items}", url="https://mill.example/archive") is None


def test_a_thread_has_that_of_its_first_post() -> None:
    posts = "".join(
        f"<div class=post><time datetime=2026-04-0{day}T10:00:00Z>x</time><p>{line}</p></div>"
        for day, line in enumerate(PROSE.split("\n"), start=3)
    )
    found = published(f"<h1>The mill turns again</h1>{posts}", url=THREAD)
    assert found is not None
    assert found[0] == "2026-04-03"


def test_what_is_declared_goes_before_the_url_and_that_before_what_is_shown() -> None:
    body, url = f"<h1>The mill turns again</h1><p>3 April 2026</p>{PARAGRAPHS}", "https://mill.example/2026/04/02/mill"
    head = '<meta property="article:published_time" content="2026-04-01T08:00:00Z">'
    assert published(body, head, url) == ("2026-04-01", "opengraph")
    assert published(body, url=url) == ("2026-04-02", "url")
    assert published(body) == ("2026-04-03", "shown")


def test_a_text_that_says_only_when_it_was_updated_was_published_so_on_that_day() -> None:
    (draft,) = extract_article(read(f"<h1>The mill turns again</h1><p>Updated 3 April 2026</p>{PARAGRAPHS}"))
    assert draft.published_at == draft.modified_at
    assert draft.provenance["published_at"].startswith("updated@")


def test_an_update_before_the_publication_is_none() -> None:
    head = (
        '<meta property="article:published_time" content="2026-04-03">'
        '<meta property="article:modified_time" content="2026-04-01">'
    )
    (draft,) = extract_article(read(PARAGRAPHS, head))
    assert draft.modified_at is None


@pytest.mark.parametrize(("shown", "date"), [("3 April 2026", ("2026-04-03", "shown")), ("Friday", None)])
def test_when_a_web_page_was_made_counts_only_if_the_page_shows_it(shown: str, date: tuple[str, str] | None) -> None:
    head = jsonld({"@context": "https://schema.org", "@type": "WebPage", "datePublished": "2026-04-03"})
    url = "https://mill.example/about"
    assert published(f"<h1>The mill turns again</h1><p>{shown}</p>{PARAGRAPHS}", head, url) == date


def test_what_others_say_is_kept_beside_it() -> None:
    head = jsonld({"@context": "https://schema.org", "@type": "NewsArticle", "datePublished": "2026-04-03"})
    head += '<meta name="pubdate" content="2026-04-05"><meta name="date" content="2026-04-03T12:00:00Z">'
    (draft,) = extract_article(read(PARAGRAPHS, head))
    others = [(one["field"], str(one["value"])[:10], one["origin"]) for one in draft.disagreements]
    assert ("published_at", "2026-04-05", "meta@1 pubdate") in others
    assert not any(day == "2026-04-03" for field, day, _ in others if field == "published_at")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("<h1>t</h1>" + "<p>Posted <time datetime=2026-01-01>Jan 1, 2026</time>" * 5_000, ""),
        ("<h1>t</h1>" + "<p>Posted 2026-01-01 Updated 2025-02-02 by Ann Weir" * 5_000, ""),
        ("<h1>t</h1><p>2026 " + "a1" * 500_000, ""),
        ("<h1>t</h1><p>" + "1 - " * 50_000 + "2026", ""),
        ("<p>x", f"<meta name='{'publish' * 50_000}' content=x>"),
    ],
    ids=["marks", "labels", "one word", "dashes", "name of a meta tag"],
)
def test_it_takes_time_in_proportion_to_the_page(body: str, head: str) -> None:
    given = read(body, head)
    given.measures  # noqa: B018 - read before the clock runs
    began = time.process_time()
    assert len(given.dates.published) <= 110
    assert time.process_time() - began < 3
