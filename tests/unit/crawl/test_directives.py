"""What pages and headers ask of crawlers: for whom it is said, and that the stricter wish holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tidemill.crawl.directives import Directives, directives

NOTHING = Directives()
NOINDEX = Directives(noindex=True)
NOFOLLOW = Directives(nofollow=True)
BOTH = Directives(noindex=True, nofollow=True)


def meta(*pairs: tuple[str, str]) -> Directives:
    return directives(pairs, {}, "Tidemill")


def header(*values: str) -> Directives:
    return directives((), CIMultiDict(("x-robots-tag", value) for value in values), "Tidemill")


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        ("noindex", NOINDEX),
        ("NoIndex", NOINDEX),
        (" noindex , follow ", NOINDEX),
        ("nofollow", NOFOLLOW),
        ("index,nofollow,noarchive", NOFOLLOW),
        ("none", BOTH),
        ("NONE", BOTH),
        ("noindex, nofollow", BOTH),
        ("index, noindex", NOINDEX),
        ("all", NOTHING),
        ("index, follow, max-snippet:-1", NOTHING),
        ("", NOTHING),
        (",", NOTHING),
        ("no index", NOTHING),
        ("noindexing", NOTHING),
        ("noimageindex", NOTHING),
    ],
)
def test_rules_of_a_meta_element_and_of_a_header(content: str, asked: Directives) -> None:
    assert meta(("robots", content)) == asked
    assert header(content) == asked


@pytest.mark.parametrize(
    ("metas", "asked"),
    [
        ([("tidemill", "noindex")], NOINDEX),
        ([("TideMill", "noindex")], NOINDEX),
        ([("googlebot", "noindex")], NOTHING),
        ([("tidemill2", "noindex")], NOTHING),
        ([("robots", "index"), ("tidemill", "noindex")], NOINDEX),
        ([("robots", "noindex"), ("tidemill", "index")], NOINDEX),
        ([("robots", "nofollow"), ("tidemill", "noindex")], BOTH),
        ([("robots", "noindex"), ("robots", "nofollow")], BOTH),
    ],
)
def test_what_is_said_to_all_and_to_us_adds_up(metas: list[tuple[str, str]], asked: Directives) -> None:
    assert meta(*metas) == asked


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        (["otherbot: noindex"], NOTHING),
        (["tidemill: nofollow"], NOFOLLOW),
        (["TIDEMILL : nofollow"], NOFOLLOW),
        (["robots: nofollow"], NOFOLLOW),
        (["tidemill:noindex"], NOINDEX),
        (["otherbot: noindex, nofollow"], NOTHING),
        (["otherbot: noindex, tidemill: nofollow"], NOFOLLOW),
        (["nofollow, otherbot: noindex"], NOFOLLOW),
        (["tidemill: nofollow, otherbot: noindex, none"], NOFOLLOW),
        (["otherbot: noindex", "nofollow"], NOFOLLOW),
        (["noindex", "tidemill: nofollow"], BOTH),
        (["max-snippet: 10, noindex"], NOINDEX),
        (["otherbot: max-snippet: 10, noindex"], NOTHING),
        (["notidemill: noindex"], NOTHING),
    ],
)
def test_headers_may_be_for_others(values: list[str], asked: Directives) -> None:
    assert header(*values) == asked


def test_page_and_header_add_up() -> None:
    assert directives([("robots", "noindex")], {"X-Robots-Tag": "nofollow"}, "tidemill") == BOTH


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "until"),
    [
        ("2026-11-23", NOON - timedelta(hours=12)),
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23 14:00:00+02:00", NOON),
        ("Mon, 23 Nov 2026 12:00:00 GMT", NOON),
        ("23 Nov 2026 12:00:00", NOON),
        ("23 Nov 2026 12:00:00 PST", NOON + timedelta(hours=8)),
        ("Monday, 23-Nov-26 12:00:00 GMT", NOON),
    ],
)
def test_a_page_may_end(date: str, until: datetime) -> None:
    for asked in (
        meta(("robots", f"unavailable_after: {date}")),
        meta(("robots", f"nosnippet, Unavailable_After:{date}, noarchive")),
        header(f"unavailable_after: {date}"),
        header(f"otherbot: none, tidemill: unavailable_after: {date}, noarchive"),
    ):
        assert asked == Directives(unavailable_after=until)
    assert not asked.forbids_index(until - timedelta(seconds=1))
    assert asked.forbids_index(until.astimezone(timezone(timedelta(hours=3))))


def test_of_several_ends_the_first_counts_and_dates_that_are_none_do_not() -> None:
    asked = meta(("robots", "unavailable_after: 2027-01-01, unavailable_after: 2026-01-01, unavailable_after: soon"))
    assert asked.unavailable_after == datetime(2026, 1, 1, tzinfo=UTC)
    assert meta(("robots", "unavailable_after: , unavailable_after")) == NOTHING


def test_noindex_forbids_at_any_time() -> None:
    assert NOINDEX.forbids_index(NOON)
    assert not NOFOLLOW.forbids_index(NOON)


RULES = st.lists(st.sampled_from(["noindex", "nofollow", "none", "all", "unavailable_after: 1 Jan 2026", "x", "", ":"]))


@given(RULES, RULES)
def test_one_more_rule_never_makes_it_laxer(some: list[str], more: list[str]) -> None:
    few, many = header(", ".join(some)), header(", ".join(some), *more)
    assert (many.noindex, many.nofollow) >= (few.noindex, few.nofollow)
    assert many.nofollow >= few.nofollow


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_that_a_site_writes_breaks_it(content: str, value: str) -> None:
    assert isinstance(directives([("robots", content)], {"X-Robots-Tag": value}, "tidemill"), Directives)
    assert isinstance(meta(("robots", f"unavailable_after:{content}")), Directives)
