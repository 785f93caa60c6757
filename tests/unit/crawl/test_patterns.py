"""Which URLs are counted as a family, how many of it a run may visit, and which are never counted."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.site.traps import FACETS_START, SESSION_PAGES, SESSION_START, trap_page

from tidemill.crawl.links import LinkReader
from tidemill.crawl.patterns import CALENDAR_BUDGET, SESSION_BUDGET, family
from tidemill.crawl.scope import Scope
from tidemill.markup.parse import parse_html
from tidemill.models.source import SourceSpec
from tidemill.models.url import url_key

SITE = "http://a.example/"
BUDGET = 20_000
HEX = "4f2a9c1b7e3d8a60"  # pragma: allowlist secret
PHP = "0n5bq9lb3rk2v1m7e8s4u6p0c2"
ASP = "(S(lit3py55t21z5v55vlm25s55))"


def of(path: str, budget: int = BUDGET) -> tuple[str, int] | None:
    found = family(url_key(SITE + path), budget)
    return found and (found[0].removeprefix("a.example/"), found[1])


@pytest.mark.parametrize(
    "path",
    [
        "",
        "article/12345",
        "article/12345/",
        "2026/11/23/some-slug",
        "2026/11/23/some-slug/",
        "2026/11/some-slug.html",
        "2026/",
        "archive/2026",
        "questions/2345/how-to-tie-a-knot",
        "item-2500-12",
        "rooms/1850-10",
        "calendar/2026/13",
        "flights/2026-11-99",
        f"article/{HEX}",
        f"article/{HEX}/",
        f"docs/{HEX}.pdf",
        "d/7f9c24e8-3b12-4dcb-9f0a-1c2d3e4f5a6b/edit",
        "a-very-long-folder-name-with-words-2026/page",
        "internationalization/guide",
        "iphone15promaxreview/page",
        "1234567890123456/page",
        "windows-10-versus-windows-11/page",
    ],
)
def test_plain_urls_are_not_counted(path: str) -> None:
    assert of(path) is None


@pytest.mark.parametrize(
    ("path", "name", "budget"),
    [
        ("x?id=12345", "x?id", 20_000),
        ("?q=a", "?q", 20_000),
        ("x?id", "x?id", 20_000),
        (f"x?id={HEX}", "x?id", 20_000),
        (f"x?cat=5&id={HEX}", "x?cat&id", 2_000),
        ("x?page=2&colour=red", "x?colour&page", 2_000),
        ("x?a=1&b=2&c=3", "x?a&b&c", 200),
        ("x?a=1&b=2&c=3&d=4", "x?a&b&c&d", 20),
        ("x?a=1&b=2&c=3&d=4&e=5&f=6", "x?a&b&c&d&e&f", 20),
        ("x?f=red&f=blue", "x?f&f", 2_000),
        ("index.php?Itemid=3&id=77&option=com_content&view=article", "index.php?Itemid&id&option&view", 20_000),
        ("index.php?action=edit&title=Weir", "index.php?action&title", 20_000),
    ],
)
def test_each_further_parameter_costs_nine_tenths(path: str, name: str, budget: int) -> None:
    assert of(path) == (name, budget)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("calendar/2026/11", "calendar/#/#"),
        ("calendar/2026/11/", "calendar/#/#/"),
        ("calendar/2026/11/23", "calendar/#/#/#"),
        ("events/2026-11-23", "events/#-#-#"),
        ("events/2026-11-23.html", "events/#-#-#.html"),
        ("events/2026-11/list/", "events/#-#/list/"),
        ("archive/2026/W12", "archive/#/W#"),
        ("archive/2026-W12", "archive/#-W#"),
        ("calendar-2026-1", "calendar-#-#"),
        ("room/12/1999/1/2", "room/#/#/#/#"),
        ("c?month=2026-11", "c?month=#"),
        ("c?d=2026-11-23T10:00", "c?d=#"),
        ("c?date=20261123", "c?date=#"),
        ("c?month=11&year=2026", "c?month=#&year=#"),
        ("c?m=11&y=2026", "c?m=#&y=#"),
        ("c?day=3&month=11&year=2026", "c?day=#&month=#&year=#"),
        ("c?date=2026-11-23&view=day", "c?date=#&view"),
        ("calendar/2026/11?room=7", "calendar/#/#?room"),
    ],
)
def test_calendars(path: str, name: str) -> None:
    assert of(path) == (name, 400)


@pytest.mark.parametrize("path", ["c?id=20261123", "c?month=11", "c?year=2026", "c?m=x&y=2026&year=then"])
def test_what_only_looks_like_a_date_is_a_parameter(path: str) -> None:
    found = of(path)
    assert found is not None
    assert "#" not in found[0]


def test_facets_of_a_calendar_cost_as_much_as_any() -> None:
    assert of("c?a=1&b=2&c=3&date=2026-11-23") == ("c?a&b&c&date=#", 20)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{HEX}/page.html", "*/page.html"),
        (f"s/{HEX.upper()}/a/b", "s/*/a/b"),
        (f"s/{PHP}/a?id=7", "s/*/a?id=7"),
        (f"{ASP}/default.aspx", "*/default.aspx"),
        (f"shop/{ASP}/x/", "shop/*/x/"),
        (f"x?page=about&sid={HEX}", "x?page=about&sid=*"),
        (f"x?sid={HEX}", "x?sid=*"),
        (f"x?osCsid={PHP}", "x?osCsid=*"),
        (f"x?page=2&zenid={PHP}", "x?page=2&zenid=*"),
        (f"x?from={PHP}&page=2", "x?from=*&page=2"),
        (f"calendar/2026/11?sid={HEX}", "calendar/2026/11?sid=*"),
    ],
)
def test_sessions(path: str, name: str) -> None:
    assert of(path) == (name, 20)


@pytest.mark.parametrize("value", ["about", "12345678901234567", "how-to-tie-a-knot-in-2026", "abcdefghijklmnopqrs"])
def test_what_is_no_token_is_a_parameter(value: str) -> None:
    assert of(f"x?page=2&sid={value}") == ("x?page&sid", 2_000)


@pytest.mark.parametrize("path", ["x?id=1", "x?a=1&b=2", "calendar/2026/11", f"{HEX}/page"])
def test_no_family_gets_more_than_the_setting_gives_one_parameter(path: str) -> None:
    assert of(path, budget=7) is not None
    assert of(path, budget=7)[1] == 7  # type: ignore[index]


def test_hosts_are_told_apart_and_schemes_are_not() -> None:
    assert family("http://a.example/x?id=1", 9) == family("https://a.example/x?id=2", 9) == ("a.example/x?id", 9)
    assert family("http://2026-11.example/x?id=1", 9) == ("2026-11.example/x?id", 9)


def test_the_name_of_a_family_has_an_end() -> None:
    paths = [f"{'x' * 3000}{end}?id=1" for end in "ab"]
    names = [found[0] for path in paths if (found := of(path))]
    assert len(set(names)) == 2
    assert all(len(name) < 240 for name in names)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5), st.lists(st.integers(0, 10**9), min_size=5, max_size=5))
def test_urls_that_differ_in_their_values_only_are_one_family(values: list[int], others: list[int]) -> None:
    def url(numbers: list[int]) -> str:
        return SITE + "x?" + "&".join(f"p{place}={number}" for place, number in enumerate(numbers[: len(values)]))

    assert family(url(values), BUDGET) == family(url(others), BUDGET)


@given(st.integers(1900, 2099), st.integers(1, 12), st.integers(1, 31), st.sampled_from(["/", "-"]))
def test_all_days_are_one_calendar(year: int, month: int, day: int, mark: str) -> None:
    assert of(f"calendar/{year}{mark}{month:02}{mark}{day:02}") == (f"calendar/#{mark}#{mark}#", 400)


@given(st.integers(0, 10**18))
def test_numbered_pages_are_never_cut_below_the_setting(number: int) -> None:
    assert of(f"article/{number}") is None
    assert of(f"article?id={number}") == ("article?id", BUDGET)


@given(st.text(max_size=80))
def test_any_url_has_a_family_or_none(text: str) -> None:
    found = of(text)
    assert found is None or (found[0] and 1 <= found[1] <= BUDGET)


def visited(start: str, budget: int, *, this_year: int = 2026) -> int:
    """How many pages of a trap of the test site are visited if each family has its budget."""
    scope = Scope(SourceSpec(name="s", start=(SITE,)), max_depth=None, today=date(this_year, 1, 1))
    reader, spent, seen, waiting = LinkReader(), Counter[str](), {start}, [start]
    for path in waiting:
        page = trap_page(path)
        assert page is not None
        for url in reader.read(parse_html(page.body(SITE)), SITE[:-1] + path).pages:
            target = "/" + url.removeprefix(SITE)
            found = family(url, budget)
            if target in seen or trap_page(target) is None or scope.refusal(url, 1) is not None:
                continue
            seen.add(target)
            if found is not None:
                spent[found[0]] += 1
                if spent[found[0]] > found[1]:
                    continue
            waiting.append(target)
    return len(waiting)


def test_a_shop_that_begins_sessions_for_ever_comes_to_an_end() -> None:
    assert visited(SESSION_START, BUDGET) == 1 + SESSION_PAGES * SESSION_BUDGET


@pytest.mark.thorough
def test_filters_that_multiply_come_to_an_end() -> None:
    of_one, of_two, of_three, of_four = 4 * 200, 6 * 20, 4 * 20, 20
    assert visited(FACETS_START, 200) == 1 + of_one + of_two + of_three + of_four


@pytest.mark.thorough
def test_a_calendar_comes_to_an_end_even_where_no_year_is_too_far() -> None:
    assert visited("/calendar/2026/01/", BUDGET, this_year=9000) == 1 + CALENDAR_BUDGET
