"""From an empty folder to a search hit: the sample site is crawled as its truth says, once, and politely."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from tests.flow.crawled import CONTACT, Crawled
from tests.harness.reports import against_truth
from tests.harness.sites import asked
from tests.site.queries import QUERIES, Query

import tidemill as package

TRIES = {"/status/stiff.html": 3, "/status/busy.html": 2}
"""Pages that begin badly, and how often they must be asked."""


def test_every_url_of_the_truth_is_in_the_ledger_once_with_an_outcome_that_is_right(crawled: Crawled) -> None:
    assert not (wrong := against_truth(crawled.ledger, crawled.site.truth)), "\n".join(wrong)


def test_status_codes_and_depths_are_those_of_the_site(crawled: Crawled) -> None:
    for path, entry in crawled.ledger.items():
        expected = crawled.site.truth[path]
        if expected.status_code is not None:
            assert entry["status_code"] == expected.status_code, path
        if expected.depth_at_most is not None:
            assert entry["depth"] <= expected.depth_at_most, path


def test_the_totals_add_up(crawled: Crawled) -> None:
    summary = crawled.summary
    assert summary["status"] == "completed"
    assert summary["discovered"] == sum(summary["outcomes"].values()) == len(crawled.ledger)
    assert summary["outcomes"] == Counter(entry["outcome"] for entry in crawled.ledger.values())
    assert summary["documents"] == len(crawled.documents)
    assert summary["fetched"] == len(crawled.hits)


def test_each_page_was_asked_for_once_and_again_only_when_it_began_badly(crawled: Crawled) -> None:
    expected = {path: TRIES.get(path, 1) for path, truth in crawled.site.truth.items() if truth.outcome != "skipped"}
    expected |= {path: 1 for path, truth in crawled.site.truth.items() if truth.reason in ("sitemap", "feed")}
    expected |= {path: 1 for path, truth in crawled.site.truth.items() if truth.reason == "media_type"}
    assert asked(crawled.hits) == {"/robots.txt": 1, **expected}


def test_robots_txt_came_first_and_nothing_it_forbids_was_asked_for(crawled: Crawled) -> None:
    paths = [hit.path for hit in crawled.hits]
    assert paths[0] == "/robots.txt"
    assert [path for path in paths if path.startswith("/private/")] == ["/private/open.html"]


def test_every_request_says_who_we_are(crawled: Crawled) -> None:
    agents = {hit.user_agent for hit in crawled.hits}
    assert agents == {f"tidemill/{package.__version__} (+{CONTACT})"}


def test_documents_are_of_the_pages_that_give_them_and_of_no_other(crawled: Crawled) -> None:
    counted = Counter(_path(crawled, document) for document in crawled.documents)
    alike = {path for path, truth in crawled.site.truth.items() if truth.or_outcomes}
    expected = {path: truth.documents for path, truth in crawled.site.truth.items() if truth.documents}
    assert {path: n for path, n in counted.items() if path not in alike} == {
        path: n for path, n in expected.items() if path not in alike
    }
    given = [identifier for entry in crawled.ledger.values() for identifier in entry["document_ids"]]
    assert {document["id"] for document in crawled.documents} <= set(given)
    assert len(given) == len(set(given))


def test_the_export_is_in_the_order_of_urls(crawled: Crawled) -> None:
    urls = [document["url"] for document in crawled.documents]
    assert urls == sorted(urls)


@pytest.mark.parametrize("field", ["title", "language", "author", "published_at"])
def test_fields_are_those_of_the_truth(crawled: Crawled, field: str) -> None:
    """Names and times are held against the truth where the markup states them; visible text alone is a guess."""
    wrong = []
    for path, documents in _by_path(crawled).items():
        truth = crawled.site.truth[path]
        expected = getattr(truth, field)
        stated = field in ("title", "language") or truth.metadata in ("json-ld", "opengraph")
        if expected is not None and stated and truth.documents == 1 and not truth.or_outcomes:
            given = documents[0][field]
            right = _same_moment(given, expected) if field == "published_at" else given == expected
            wrong += [] if right else [f"{path}: {given!r}, expected {expected!r} ({truth.metadata})"]
    assert not wrong, "\n".join(wrong)


def _same_moment(given: str | None, expected: str) -> bool:
    """A bare date is the day on which it was where it was written."""
    if given is None or len(expected) == len("2026-01-31"):
        return (given or "")[: len(expected)] == expected
    return datetime.fromisoformat(given) == datetime.fromisoformat(expected)


def test_events_and_pages_are_told_apart(crawled: Crawled) -> None:
    events = {document["url"] for document in crawled.documents if document["kind"] == "event"}
    expected = {path for path, truth in crawled.site.truth.items() if truth.kind == "event"}
    assert {url.removeprefix(crawled.site.base_url) for url in events} == expected


def test_words_are_kept_and_boilerplate_is_not(crawled: Crawled) -> None:
    wrong = []
    for path, documents in _by_path(crawled).items():
        expected = crawled.site.truth[path]
        words = " ".join(" ".join(f"{d['title']} {d['content']}".split()) for d in documents)
        wrong += [f"{path} lacks {each!r}" for each in expected.must_contain if each not in words]
        wrong += [f"{path} holds {each!r}" for each in expected.must_not_contain if each in words]
    assert not wrong, "\n".join(wrong)


def test_events_have_their_names_and_times(crawled: Crawled) -> None:
    for path, expected in crawled.site.truth.items():
        if expected.items:
            found = _by_path(crawled)[path]
            assert sorted(d["title"] for d in found) == sorted(expected.items), path
            assert sorted(d["fields"]["start"] for d in found) == sorted(expected.starts), path


def test_originals_are_kept_and_copies_are_named(crawled: Crawled) -> None:
    assert crawled.copies == {path: t.duplicate_of for path, t in crawled.site.truth.items() if t.duplicate_of}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.text)
def test_a_search_finds_the_page_a_reader_expects(crawled: Crawled, query: Query) -> None:
    hits = [hit["url"].removeprefix(crawled.site.base_url) for hit in crawled.answers[query.text]]
    assert hits[:1] == [query.first], query.about
    assert not set(hits) & set(query.absent)


def _path(crawled: Crawled, document: dict[str, Any]) -> str:
    return str(document["url"]).removeprefix(crawled.site.base_url)


def _by_path(crawled: Crawled) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for document in crawled.documents:
        found.setdefault(_path(crawled, document), []).append(document)
    return found
