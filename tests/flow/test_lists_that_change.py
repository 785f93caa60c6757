"""Lists of several documents, crawled twice: what has left its list goes, or stays, as the kind of list tells.

Also the whole way of a feed whose entries are documents themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from tests.flow.source_kinds import Place, sources_place
from tests.site.website import Answer

NAMES = ("Wheel", "Sluice", "Pond")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with sources_place(tmp_path_factory.mktemp("lists")) as place:
        yield place


def prose(name: str) -> str:
    return f"The {name.lower()} was mended in the year of the great tide, as the miller tells whoever asks him. " * 3


def rss(base: str, names: Sequence[str]) -> str:
    items = "".join(
        f"<item><title>{name}</title><link>{base}/mill/{name.lower()}.html</link><guid>{name}</guid>"
        f"<pubDate>Sat, 0{number} Nov 2025 08:00:00 GMT</pubDate><description>{prose(name)}</description></item>"
        for number, name in enumerate(names, 1)
    )
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>Mill</title>{items}</channel></rss>"


def calendar(_base: str, names: Sequence[str]) -> str:
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{name}\r\nDTSTART:2026050{number}T080000Z\r\nSUMMARY:{name}\r\nEND:VEVENT\r\n"
        for number, name in enumerate(names, 1)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n"


def page(_base: str, names: Sequence[str]) -> str:
    items = "".join(f"<li><h2>{name}</h2><p>{prose(name)}</p></li>" for name in names)
    return f"<html lang=en><title>Mill</title><h1>The mill and its parts</h1><ul>{items}</ul></html>"


def api(base: str, names: Sequence[str]) -> str:
    return json.dumps([{"title": n, "body": prose(n), "url": f"{base}/mill/{n.lower()}.html"} for n in names])


ITEMS = {"items": {"css": "li", "key": ["title"]}, "fields": {"title": "h2", "content": "p"}}
LISTS: dict[str, tuple[Any, str, dict[str, Any], set[str]]] = {
    "feed": (rss, "text/plain", {"kind": "feed", "feed": {"follow": False}}, set(NAMES)),
    "ical": (calendar, "text/plain", {"kind": "ical"}, set(NAMES[1:])),
    "website": (page, "text/html", {"kind": "website", "sitemaps": False, "process": ITEMS}, set(NAMES[1:])),
    "json_api": (api, "application/json", {"kind": "json_api", "api": {"url": "url"}}, set(NAMES)),
}
"""Of each kind: how its list is written, its media type, its source, and what is left when the first has left it."""


@pytest.mark.parametrize("kind", LISTS)
def test_what_has_left_its_list(place: Place, kind: str) -> None:
    written, media_type, spec, left = LISTS[kind]
    path, base = f"/{kind}/list", place.site.base_url
    place.apply(kind, start=[f"{base}{path}"], within=[f"{base}/{kind}/", f"{base}/mill/"], **spec)
    titles = []
    for names in (NAMES, NAMES[1:]):
        place.site.replaced[path] = Answer(200, {"Content-Type": media_type}, written(base, names).encode())
        run = place.crawl(kind)
        titles.append({document["title"] for document in run.documents})
        assert run.asked == [path]
    assert titles == [set(NAMES), left]


def test_a_feed_whose_entries_are_documents_leads_nowhere(place: Place) -> None:
    base = place.site.base_url
    place.apply("entries", kind="feed", start=[f"{base}/feed.xml"], feed={"follow": False})
    crawl = place.crawl("entries")
    assert crawl.asked == ["/feed.xml"]
    assert crawl.ledger == {"/feed.xml": ("stored", None)}
    assert len(crawl.documents) > 5
    assert {document["url"] for document in crawl.documents} == {f"{base}/feed.xml"}
    assert all(document["canonical_url"].startswith(f"{base}/") for document in crawl.documents)
    assert all(document["published_at"] and document["kind"] == "article" for document in crawl.documents)
    again = place.crawl("entries")
    assert (again.asked, again.documents) == (["/feed.xml"], crawl.documents)
    assert set(again.ledger) == {"/feed.xml"}
    assert again.ended("unchanged", "not_modified") | again.ended("unchanged", "same_bytes")


def test_what_is_no_feed_gives_no_document(place: Place) -> None:
    place.site.replaced["/no-feed"] = Answer(200, {"Content-Type": "application/rss+xml"}, b"<html><p>Sorry.</html>")
    place.apply("no-feed", kind="feed", start=[f"{place.site.base_url}/no-feed"], feed={"follow": False})
    crawl = place.crawl("no-feed")
    assert crawl.ledger == {"/no-feed": ("invalid", "not_a_feed")}
    assert crawl.documents == []
