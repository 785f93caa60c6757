"""Web archives answer as the websites did: latest first, whole, and for nothing that is not in them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.archive.warc_files import NOON, an_entry, answer, members, record, written

from tidemill.archive.warc import WarcEntry, WarcIndex, decoded_headers
from tidemill.crawl.local import replay as module
from tidemill.crawl.local.folder import start_url
from tidemill.crawl.local.replay import Replay
from tidemill.errors import Forbidden, Permanent
from tidemill.models.ids import new_id
from tidemill.models.url import url_key

URL = "https://example.org/a"
LATER = NOON + timedelta(hours=1)


def put(folder: Path, **files: bytes) -> list[Path]:
    paths = [folder / f"{name}.warc.gz" for name in files]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    return paths


def opened(*paths: Path, max_body_bytes: int = 100_000) -> Replay:
    return Replay(map(str, paths), max_body_bytes=max_body_bytes)


async def listed(replay: Replay, path: Path) -> list[str]:
    urls, waiting = [], [start_url(str(path))]
    while waiting:
        listing = await replay.listing(waiting.pop())
        urls += [each.url for each in listing.pages]
        waiting += listing.further
    return urls


async def reason_of(replay: Replay, url: str = URL) -> str:
    with pytest.raises(Permanent) as caught:
        await replay.get(url)
    return caught.value.reason


def answered(url: str, body: bytes, day: int, **fields: str) -> bytes:
    """A record of another tool."""
    fields = {
        "WARC_Target_URI": url,
        "WARC_Date": f"2026-11-{day:02}T12:00:00Z",
        "WARC_Record_ID": f"<urn:x:{new_id()}>",
    } | fields
    return record(answer(body, "Content-Type: text/html"), **fields)


# --- a page -----------------------------------------------------------------------------------------------------------


async def test_a_page_comes_back_as_it_was_received(tmp_path: Path) -> None:
    headers = (
        ("Content-Type", "Text/HTML; charset=latin1"),
        ("ETag", '"1"'),
        ("X-Robots-Tag", "noarchive"),
        ("Vary", "a"),
        ("Vary", "b"),
    )
    paths = put(tmp_path, one=written(an_entry(URL, b"caf\xe9", headers=headers), an_entry("https://example.org/b")))
    found = await opened(*paths).get(URL, headers={"If-None-Match": '"1"'})
    assert (found.url, found.status, found.body, found.body_read) == (URL, 200, b"caf\xe9", True)
    assert (found.content_type, found.media_type) == ("Text/HTML; charset=latin1", "text/html")
    assert tuple(found.headers.items()) == headers
    assert found.fetched_at == NOON


@given(st.dictionaries(st.sampled_from(["a", "b", "c?q=1", "d/"]), st.binary(max_size=40), min_size=1), st.booleans())
def test_the_index_finds_every_entry_that_was_written(
    tmp_path_factory: pytest.TempPathFactory, pages: Mapping[str, bytes], plain: bool
) -> None:
    entries = [an_entry(f"https://example.org/{path}", body, capture_id=new_id()) for path, body in pages.items()]
    data = written(*entries)
    (path,) = put(tmp_path_factory.mktemp("warc"), one=gzip.decompress(data) if plain else data)
    index = WarcIndex([path], max_body_bytes=1000)
    assert len(index) == len(entries)
    assert [_plain(index.entry(each.url)) for each in entries] == [_plain(each) for each in entries]
    assert index.entry("https://example.org/other") is None


def _plain(entry: WarcEntry | None) -> WarcEntry | None:
    return entry and replace(entry, reason_phrase="", headers=decoded_headers(entry.headers, len(entry.body)))


async def test_all_spellings_of_a_url_are_one_page(tmp_path: Path) -> None:
    paths = put(tmp_path, one=members(answered("HTTP://Example.ORG:80/%7Ea?b=2&a=1#top", b"x", 1)))
    assert (await opened(*paths).get(url_key("http://example.org/~a?a=1&b=2"))).body == b"x"


@pytest.mark.parametrize("status", [301, 404, 503])
async def test_other_statuses_are_replayed_as_well(tmp_path: Path, status: int) -> None:
    headers = (("Location", "/b"),)
    paths = put(tmp_path, one=written(an_entry(status_code=status, headers=headers)))
    found = await opened(*paths).get(URL)
    assert (found.status, found.headers["location"]) == (status, "/b")


async def test_the_latest_response_wins_in_whatever_file_and_order(tmp_path: Path) -> None:
    old, new, oldest = (
        an_entry(body=body, fetched_at=at)
        for body, at in ((b"old", NOON), (b"new", LATER), (b"oldest", datetime(1996, 1, 1, tzinfo=UTC)))
    )
    paths = put(tmp_path, one=written(old, new, oldest), two=written(old))
    for order in (paths, paths[::-1]):
        found = await opened(*order).get(URL)
        assert (found.body, found.fetched_at) == (b"new", LATER)


async def test_what_is_not_in_the_archive_is_not_asked_for_elsewhere(tmp_path: Path) -> None:
    replay = opened(*put(tmp_path, one=written(an_entry())))
    assert replay.answers("https://example.org/other")
    assert await reason_of(replay, "https://example.org/other") == "not_in_archive"


async def test_a_body_that_is_not_wanted_is_left_out(tmp_path: Path) -> None:
    found = await opened(*put(tmp_path, one=written(an_entry()))).get(URL, want=lambda status, media_type: False)
    assert (found.body, found.body_read, found.received_bytes) == (b"", False, 0)


async def test_bodies_seen_before_are_found_again_even_in_a_later_file(tmp_path: Path) -> None:
    again = record(
        answer(b"", "Content-Type: text/html", "X-A: 2"),
        "revisit",
        WARC_Date="2026-11-05T12:00:00Z",
        WARC_Target_URI=URL,
        WARC_Refers_To_Target_URI="https://example.org/first",
        WARC_Refers_To_Date="2026-11-03T12:00:00Z",
    )
    first = answered("https://example.org/first", b"body", 3)
    paths = put(tmp_path, one=members(answered(URL, b"before", 2), again), two=members(first))
    found = await opened(*paths).get(URL)
    assert (found.body, found.headers["X-A"]) == (b"body", "2")
    alone = await opened(paths[0]).get(URL)
    assert alone.body == b"before", "a revisit without its original is none"


async def test_a_record_that_only_says_not_modified_does_not_hide_the_page(tmp_path: Path) -> None:
    nothing = record(
        answer(b"", status="HTTP/1.1 304 Not Modified"), WARC_Date="2026-11-09T12:00:00Z", WARC_Target_URI=URL
    )
    paths = put(tmp_path, one=members(answered(URL, b"page", 2), nothing))
    assert (await opened(*paths).get(URL)).body == b"page"


# --- what cannot be replayed ------------------------------------------------------------------------------------------


async def test_every_page_of_the_archive_gets_its_reason(tmp_path: Path) -> None:
    good, cut, broken, large, no_http = (f"https://example.org/{name}" for name in "gcblh")
    paths = put(
        tmp_path,
        one=members(
            answered(good, b"page", 1),
            answered(cut, b"pa", 1, WARC_Truncated="length"),
            record(answer(b"\x1f\x8b\x08no", "Content-Encoding: gzip"), WARC_Target_URI=broken),
            answered(large, b"x" * 3_000_000, 1),
            record(b"no answer", WARC_Target_URI=no_http),
        ),
    )
    replay = opened(*paths)
    assert await listed(replay, paths[0]) == [good, cut, broken, large, no_http]
    assert (await replay.get(good)).body == b"page"
    reasons = [await reason_of(replay, url) for url in (cut, broken, large, no_http)]
    assert reasons == ["truncated", "bad_encoding", "too_large", "bad_record"]


async def test_an_archive_compressed_as_a_whole_is_refused_with_the_way_out(tmp_path: Path) -> None:
    whole = gzip.compress(gzip.decompress(written(an_entry(), an_entry("https://example.org/b"))))
    replay = opened(*put(tmp_path, one=whole))
    with pytest.raises(Permanent, match=r"warcio recompress one\.warc\.gz") as caught:
        await listed(replay, tmp_path / "one.warc.gz")
    assert caught.value.reason == "warc_not_seekable"
    assert await reason_of(replay) == "not_in_archive"


@pytest.mark.parametrize(("data", "reason"), [(b"PK\x03\x04" * 99, "bad_warc"), (b"", "bad_warc")])
async def test_a_file_that_is_no_archive_fails_and_the_others_are_replayed(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    bad, good = put(tmp_path, bad=data, good=written(an_entry()))
    missing = tmp_path / "missing.warc"
    replay = opened(bad, missing, good)
    for path, expected in ((bad, reason), (missing, "no_such_file")):
        with pytest.raises(Permanent, match=path.name) as caught:
            await listed(replay, path)
        assert caught.value.reason == expected
    assert (await replay.get(URL)).status == 200


async def test_a_damaged_place_costs_only_its_own_page(tmp_path: Path) -> None:
    first, second, third = (gzip.compress(answered(f"https://example.org/{n}", b"page" * 50, 1)) for n in "123")
    (path,) = put(tmp_path, one=first + second[: len(second) // 2] + third)
    replay = opened(path)
    assert await listed(replay, path) == ["https://example.org/1", "https://example.org/3"]
    assert (await replay.get("https://example.org/3")).body == b"page" * 50


async def test_a_file_that_was_replaced_meanwhile_gives_no_other_page(tmp_path: Path) -> None:
    (path,) = put(tmp_path, one=members(answered(URL, b"page", 1)))
    replay = opened(path)
    await replay.prepare()
    path.write_bytes(members(answered("https://example.org/b", b"other", 1)))
    assert await reason_of(replay) == "not_in_archive"
    path.write_bytes(b"")
    assert await reason_of(replay) == "bad_record"
    path.unlink()
    assert await reason_of(replay) == "no_such_file"


# --- the listing ------------------------------------------------------------------------------------------------------


async def test_the_urls_come_in_the_order_of_the_file_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = [f"https://example.org/{number % 5}" for number in range(9)]
    others = (record(b"", "request"), record(b"x", "resource", WARC_Target_URI="dns:example.org"))
    data = [answered(url, url.encode(), 1) for url in urls]
    for form in (members(*others, *data), b"".join((*others, *data))):
        (path,) = put(tmp_path, one=form)
        assert await listed(opened(path), path) == urls[:5]
        with monkeypatch.context() as patched:
            patched.setattr(module, "MOST_LISTED", 2)
            assert list(dict.fromkeys(await listed(opened(path), path))) == urls[:5]


async def test_only_the_files_of_the_source_are_listed(tmp_path: Path) -> None:
    one, two = put(tmp_path, one=written(an_entry()), two=written(an_entry()))
    with pytest.raises(Forbidden) as caught:
        await opened(one).listing(start_url(str(two)))
    assert caught.value.reason == "outside_folder"
