"""What a robots.txt says: whom its groups are for, which URLs its rules match, how it may be written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.crawl.robots_vectors import VECTORS, Vector

from tidemill.crawl.robots import Rules, _rules, read_robots
from tidemill.store.hosts import RobotsRecord

ORIGIN = "http://site.example"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rules(text: str) -> Rules:
    return _rules(RobotsRecord("rules", text, NOW + timedelta(hours=1)))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_vector(vector: Vector) -> None:
    read = rules(vector.text)
    allowed = {path: read.allows(ORIGIN + path, vector.agent, NOW) for path in (*vector.may, *vector.may_not)}
    assert allowed == dict.fromkeys(vector.may, True) | dict.fromkeys(vector.may_not, False)


def test_vectors_say_something_and_have_names_of_their_own() -> None:
    assert all(vector.may or vector.may_not for vector in VECTORS)
    assert len({vector.name for vector in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize(
    ("text", "delay_s"),
    [
        ("User-agent: *\nCrawl-delay: 2", 2),
        ("User-agent: *\ncrawl-delay: 0.5\nDisallow: /x", 0.5),
        ("User-agent: *\nCrawl-delay: 7200", 60),
        ("User-agent: *\nCrawl-delay: soon", 0),
        ("User-agent: *\nCrawl-delay: -1", 0),
        ("User-agent: *\nCrawl-delay: inf", 0),
        ("User-agent: *\nCrawl-delay:", 0),
        ("Crawl-delay: 9\nUser-agent: *\nDisallow: /x", 0),
        ("User-agent: *\nCrawl-delay: 9\n\nUser-agent: tidemill\nDisallow: /x", 0),
        ("User-agent: auk\nCrawl-delay: 9\n\nUser-agent: *\nDisallow: /x", 0),
        ("User-agent: auk\nUser-agent: tidemill\nCrawl-delay: 9\nUser-agent: gull\nCrawl-delay: 1", 9),
    ],
)
def test_crawl_delay(text: str, delay_s: float) -> None:
    assert rules(text).delay_s("tidemill") == delay_s


@pytest.mark.parametrize(
    ("text", "sitemaps"),
    [
        ("Sitemap: http://a/1.xml", ("http://a/1.xml",)),
        ("sitemap:/1.xml\nUser-agent: auk\nSITEMAP : /2.xml # two\nDisallow: /", ("/1.xml", "/2.xml")),
        ("Site-map: /1.xml\nSitemaps: /2.xml\nSitemap /3.xml", ("/1.xml", "/2.xml", "/3.xml")),
        ("Sitemap:", ()),
        ("# Sitemap: /1.xml", ()),
    ],
)
def test_sitemaps_belong_to_no_group(text: str, sitemaps: tuple[str, ...]) -> None:
    assert rules(text).sitemaps == sitemaps


LINES = st.lists(
    st.sampled_from(
        [
            "User-agent: auk",
            "User-agent: tide",
            "User-agent: tidemillx",
            "Disallow: /",
            "Allow: /",
            "Crawl-delay: 1",
            "?",
        ]
    )
)


@given(LINES)
def test_groups_for_others_change_nothing_for_us(others: list[str]) -> None:
    ours = ["User-agent: tidemill", "Disallow: /a"]
    for text in ("\n".join([*ours, "User-agent: auk", *others]), "\n".join([*others, "Allow: /x", *ours])):
        assert rules(text).allows(f"{ORIGIN}/b", "tidemill", NOW)
        assert not rules(text).allows(f"{ORIGIN}/a", "tidemill", NOW)


@given(LINES, st.sampled_from(["Sitemap: /x", "Bird: auk", "# remark", "", "Noindex: /"]), st.data())
def test_lines_that_are_no_rules_change_nothing(lines: list[str], extra: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(lines)))
    before, after = read_robots("\n".join(lines)), read_robots("\n".join([*lines[:place], extra, *lines[place:]]))
    assert after.lines == before.lines


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["User-agent: *", "Disallow: /%zz*$", "Crawl-delay: nan", "Allow:"])).map("\n".join)
)
def test_no_text_breaks_it(text: str) -> None:
    read = rules(text)
    assert read.allows(f"{ORIGIN}/x", "tidemill", NOW) in (True, False)
    assert 0 <= read.delay_s("tidemill") <= 60


@pytest.mark.thorough
def test_many_products_with_many_rules_cost_what_the_file_is_long() -> None:
    named = "".join(f"User-agent: bot{each}\n" for each in range(20_000))
    book = read_robots(named + "Disallow: /x\n" * 15_000)  # each rule for each product would fill the memory
    assert len({id(group) for groups in book.lines.values() for group in groups}) <= 2
    assert not rules(named + "Disallow: /x").allows(f"{ORIGIN}/x", "bot19999", NOW)


@pytest.mark.thorough
def test_a_product_named_again_and_again_has_its_rules_once() -> None:
    text = "User-agent: *\nCrawl-delay: 2\n" * 5_000 + "Disallow: /x\n" * 5_000
    assert not rules(text).allows(f"{ORIGIN}/x", "tidemill", NOW)  # 50 million lines once
    assert rules(text).delay_s("tidemill") == 2
