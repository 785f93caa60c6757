"""What the ledger is told of the URLs that visits meet: in scope or not, refused or not, and each once."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from tests.unit.crawl.making import SITE, visit

from tidemill.crawl.discover.listing import Listed
from tidemill.crawl.discovery import Discovery
from tidemill.crawl.scope import Scope
from tidemill.models.source import QueryRules, SourceSpec

THEN = datetime(2026, 11, 1, tzinfo=UTC)
OUTSIDE = "http://else.example/"


def discovery(*, max_depth: int | None = None, trap_budget: int = 1000, **spec: object) -> Discovery:
    rules = SourceSpec(name="s", start=(SITE,), **spec)  # type: ignore[arg-type]
    return Discovery(Scope(rules, max_depth=max_depth, today=date(2026, 11, 23)), trap_budget=trap_budget)


def test_links_are_told_of_once_and_again_when_they_are_nearer_to_the_start() -> None:
    made = discovery()
    found, outside = made.pages([f"{SITE}a", OUTSIDE, f"{SITE}b"], 3)
    assert [(each.url, each.depth) for each in found] == [(f"{SITE}a", 3), (f"{SITE}b", 3)]
    assert outside == 1
    assert made.pages([f"{SITE}a"], 3) == made.pages([f"{SITE}a"], 4) == ([], 0)
    nearer, _ = made.pages([f"{SITE}a"], 2)
    assert [each.depth for each in nearer] == [2]


def test_links_that_lead_out_are_counted_each_time() -> None:
    made = discovery()
    assert [made.pages([OUTSIDE], 1)[1] for _ in range(3)] == [1, 1, 1]


def test_what_may_not_have_been_written_is_told_of_again() -> None:
    made = discovery()
    made.pages([f"{SITE}a"], 1)
    made.unfollowed([f"{SITE}b"], 1)
    made.forget()
    assert len(made.pages([f"{SITE}a"], 1)[0]) == 1
    assert len(made.unfollowed([f"{SITE}b"], 1)) == 1


@pytest.mark.parametrize(
    ("rules", "urls"),
    [
        (QueryRules(drop=("sort",)), ["list?page=1", "list"]),
        (QueryRules(keep=("page",)), ["list?page=1", "list"]),
        (QueryRules(keep=()), ["list"]),
        (QueryRules(), ["list?page=1", "list?page=1&sort=up", "list?sort=up"]),
    ],
    ids=["drop", "keep", "keep none", "no rules"],
)
def test_parameters_that_tell_no_pages_apart_are_left_out(rules: QueryRules, urls: list[str]) -> None:
    links = [f"{SITE}list?page=1", f"{SITE}list?page=1&sort=up", f"{SITE}list?sort=up"]
    found, _ = discovery(query=rules).pages(links, 1)
    assert list(dict.fromkeys(each.url.removeprefix(SITE) for each in found)) == urls


def test_members_of_a_family_bear_its_name_and_its_budget() -> None:
    found, _ = discovery(trap_budget=1000).pages([f"{SITE}list?page=1", f"{SITE}list?page=2", f"{SITE}plain"], 1)
    assert [(each.pattern, each.budget) for each in found] == [("site.example/list?page", 1000)] * 2 + [(None, None)]


def test_what_is_refused_has_its_reason() -> None:
    found, _ = discovery(max_depth=2).pages([f"{SITE}deep", f"{SITE}x/x/x/x"], 3)
    assert [each.skip for each in found] == ["depth", "depth"]
    assert [each.skip for each in discovery().pages([f"{SITE}x/x/x/x"], 1)[0]] == ["trap"]


def test_what_is_not_to_be_followed_is_told_of_once_and_never_after_a_plain_link() -> None:
    made = discovery()
    made.pages([f"{SITE}plain"], 1)
    found = made.unfollowed([f"{SITE}plain", f"{SITE}no", OUTSIDE, f"{SITE}no"], 1)
    assert [(each.url, each.skip) for each in found] == [(f"{SITE}no", "nofollow")]
    assert made.unfollowed([f"{SITE}no"], 1) == []
    plainly, _ = made.pages([f"{SITE}no"], 1)
    assert [(each.url, each.skip) for each in plainly] == [(f"{SITE}no", None)]


def test_pages_of_a_listing_have_its_dates_and_are_below_it() -> None:
    pages = [Listed(f"{SITE}a", THEN), Listed("/b"), Listed(OUTSIDE), Listed("http://["), Listed(f"{SITE}a#again")]
    found, outside = discovery().listed(visit(kind="sitemap", depth=1), pages)
    assert [(each.url, each.depth, each.modified_at) for each in found] == [
        (f"{SITE}a", 2, THEN),
        (f"{SITE}b", 2, None),
    ]
    assert outside == 1


def test_a_date_is_told_even_of_a_page_that_was_met_before() -> None:
    made = discovery()
    made.pages([f"{SITE}a", f"{SITE}b"], 1)
    found, _ = made.listed(visit(kind="sitemap"), [Listed(f"{SITE}a", THEN), Listed(f"{SITE}b")])
    assert [(each.url, each.modified_at) for each in found] == [(f"{SITE}a", THEN)]


def test_a_sitemap_may_lie_outside_of_the_folder_but_not_of_the_site() -> None:
    made = discovery(within=(f"{SITE}docs/",))
    asked = visit(f"{SITE}docs/")
    assert [each.url for each in made.aside(asked, "/sitemap.xml", "sitemap")] == [f"{SITE}sitemap.xml"]
    assert made.aside(asked, f"{OUTSIDE}sitemap.xml", "sitemap") == []
    assert made.aside(asked, "http://[", "sitemap") == []


def test_where_a_page_leads_instead() -> None:
    made = discovery(query=QueryRules(drop=("from",)), max_depth=1)
    hop = made.hop(visit(depth=1, hops=2), f"{SITE}new?from=old")
    assert hop is not None
    assert (hop.url, hop.depth, hop.hops, hop.kind) == (f"{SITE}new", 1, 3, "page")
    assert made.hop(visit(), OUTSIDE) is None
