"""What is written to a WARC file is read back, and the same captures give the same bytes."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.archive.warc_files import CAPTURE_ID, NOON, an_entry, read, written

from tidemill.archive.warc import WarcEntry, WarcTotals, WarcWriter, decoded_headers, write_warc
from tidemill.models.ids import new_id

_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True)
_VALUES = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
_HEADERS = st.lists(
    st.tuples(st.one_of(_NAMES, st.sampled_from(["Content-Length", "Content-Encoding", "transfer-encoding"])), _VALUES),
    max_size=6,
).map(tuple)
_BODIES = st.one_of(
    st.binary(max_size=300), st.sampled_from([b"", b"\r\n\r\n", b"WARC/1.1\r\n", b"0\r\n\r\n", b"same"])
)
_ENTRIES = st.builds(
    WarcEntry,
    url=st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"], blacklist_characters="<>"), min_size=1).map(
        lambda tail: f"https://example.org/x{tail}"
    ),
    fetched_at=st.builds(
        lambda since, zone: (datetime(1970, 1, 1, tzinfo=UTC) + since).astimezone(zone),
        st.timedeltas(timedelta(0), timedelta(days=50_000)),
        st.sampled_from([UTC, timezone(timedelta(hours=-9.5))]),
    ),
    status_code=st.integers(200, 999),
    headers=_HEADERS,
    body=_BODIES,
    capture_id=st.uuids().map(str),
)


@pytest.mark.thorough
@given(st.lists(_ENTRIES, max_size=6))
def test_entries_come_back_as_they_were(entries: list[WarcEntry]) -> None:
    found, skipped = read(written(*entries))
    expected = [replace(each, headers=decoded_headers(each.headers, len(each.body))) for each in entries]
    assert [replace(each, reason_phrase="") for each in found] == expected
    assert not skipped


@pytest.mark.thorough
@given(st.lists(_ENTRIES, max_size=4))
def test_the_same_entries_give_the_same_bytes_also_after_a_round_trip(entries: list[WarcEntry]) -> None:
    once = written(*entries)
    assert written(*entries) == once
    assert written(*read(once)[0]) == once


@pytest.mark.parametrize("url", ["https://example.org/ñ?q=é", "http://example.org:8080/a%20b#c", "HTTPS://EXAMPLE.org"])
def test_urls_are_kept_letter_by_letter(url: str) -> None:
    assert read(written(an_entry(url)))[0][0].url == url


def test_a_url_or_header_cannot_write_fields_of_its_own() -> None:
    evil = "x\r\nWARC-Target-URI: https://evil.example/\r\n\r\n"
    entry = an_entry(
        f"https://example.org/{evil}",
        headers=(("X-A", evil), (f"X-B: {evil}", "y")),
        reason_phrase=evil,
        ip_address=evil,
    )
    (found,) = read(written(entry))[0]
    assert found.url == "https://example.org/x%0D%0AWARC-Target-URI:%20https://evil.example/%0D%0A%0D%0A"
    assert found.headers == (("X-A", "x WARC-Target-URI: https://evil.example/"),)


def test_headers_are_those_of_the_decoded_body() -> None:
    headers = (("Content-Encoding", "br"), ("Transfer-Encoding", "chunked"), ("content-length", "7"), ("ETag", '"é"'))
    (found,) = read(written(an_entry(body=b"0123456789", headers=headers)))[0]
    assert found.headers == (("content-length", "10"), ("ETag", '"é"'))


def test_header_bytes_that_are_no_utf8_survive_as_latin_1() -> None:
    (found,) = read(written(an_entry(headers=(("X-Name", "caf\udce9"), ("X-Odd", "\ud800")))))[0]
    assert found.headers == (("X-Name", "café"), ("X-Odd", "?"))


def test_a_body_seen_before_is_written_once() -> None:
    body = bytes(range(256)) * 400
    later = NOON + timedelta(hours=1)
    first = an_entry("https://example.org/1", body, capture_id=new_id())
    again = an_entry("https://example.org/2", body, capture_id=new_id(), fetched_at=later, status_code=404)
    out = BytesIO()
    writer = WarcWriter(out, software="tidemill/test", created_at=NOON)
    writer.add(first)
    size = writer.totals.size_bytes
    writer.add(again)
    assert writer.totals == WarcTotals(captures=2, revisits=1, records=3, size_bytes=len(out.getvalue()))
    assert writer.totals.size_bytes - size < 1000
    text = gzip.decompress(out.getvalue())
    assert (
        b"WARC-Refers-To-Target-URI: https://example.org/1\r\nWARC-Refers-To-Date: 2026-11-01T12:00:00.123456Z" in text
    )
    found, skipped = read(out.getvalue())
    assert [(each.url, each.status_code, each.body, each.fetched_at) for each in found] == [
        ("https://example.org/1", 200, body, NOON),
        ("https://example.org/2", 404, body, later),
    ]
    assert not skipped


def test_empty_bodies_are_no_revisits() -> None:
    assert b"revisit" not in gzip.decompress(written(an_entry(body=b""), an_entry(body=b"")))


def test_the_record_bears_the_id_of_its_capture() -> None:
    data = written(an_entry())
    assert f"WARC-Record-ID: <urn:uuid:{CAPTURE_ID}>".encode() in gzip.decompress(data)
    assert read(data)[0][0].capture_id == CAPTURE_ID


def test_an_id_that_is_no_uuid_gives_the_same_uuid_each_time() -> None:
    ids = {read(written(an_entry(capture_id=name)))[0][0].capture_id for name in ("a", "a", "b")}
    assert len(ids) == 2


def test_the_file_says_what_made_it_and_nothing_of_where() -> None:
    text = gzip.decompress(written()).decode()
    assert "software: tidemill/test\r\nformat: WARC File Format 1.1\r\nconformsTo: http" in text
    assert "robots: obey" in text
    assert not any(word in text.lower() for word in ("hostname", "operator", "filename"))


def test_notes_stand_in_a_record_beside_the_response() -> None:
    data = written(an_entry(notes=(("outcome", "stored"), ("depth", "2\r\nforged: x"))))
    text = gzip.decompress(data).decode()
    assert "\r\n\r\noutcome: stored\r\ndepth: 2 forged: x\r\n" in text
    assert f"WARC-Refers-To: <urn:uuid:{CAPTURE_ID}>" in text
    assert read(data)[0][0].notes == ()


def test_why_a_body_was_cut_and_where_it_came_from_are_kept() -> None:
    (found,) = read(written(an_entry(truncated="length", ip_address="192.0.2.1", reason_phrase="Fine")))[0]
    assert (found.truncated, found.ip_address, found.reason_phrase) == ("length", "192.0.2.1", "Fine")


def test_a_time_without_zone_and_an_impossible_status_are_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        written(an_entry(fetched_at=NOON.replace(tzinfo=None)))
    with pytest.raises(ValueError, match="status code 99"):
        written(an_entry(status_code=99))


async def test_entries_may_come_one_by_one() -> None:
    async def entries() -> AsyncIterator[WarcEntry]:
        yield an_entry()
        yield an_entry("https://example.org/b")

    out, same = BytesIO(), BytesIO()
    totals = await write_warc(out, entries(), software="tidemill/test", created_at=NOON)
    await write_warc(same, [an_entry(), an_entry("https://example.org/b")], software="tidemill/test", created_at=NOON)
    assert (totals.captures, totals.size_bytes) == (2, len(out.getvalue()))
    assert out.getvalue() == same.getvalue()
