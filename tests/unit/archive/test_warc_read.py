"""WARC files as other tools write them."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from io import BufferedReader, BytesIO, RawIOBase

import brotli
import pytest
from backports import zstd
from tests.unit.archive.warc_files import answer, members, read, record

from tidemill.archive.warc import read_warc

TEXT = b"<p>a page of text</p>" * 40
ORIGINAL = "<urn:uuid:0193f3a0-0000-7000-8000-0000000000bb>"


def _deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def _chunks(data: bytes) -> bytes:
    halves = data[:7], data[7:]
    return b"".join(b"%X;ext=1\r\n%s\r\n" % (len(part), part) for part in halves) + b"0\r\nTrailer: x\r\n\r\n"


_COMPRESS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}
CODINGS = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]),
    "deflate": zlib.compress(TEXT),
    "Deflate": _deflated(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstd.compress(TEXT[:9]) + zstd.compress(TEXT[9:]),
    "br, gzip": gzip.compress(brotli.compress(TEXT)),
    "identity": TEXT,
}


@pytest.mark.parametrize("pack", [lambda *each: b"".join(each), members, lambda *each: gzip.compress(b"".join(each))])
def test_plain_by_record_and_as_a_whole(pack) -> None:  # type: ignore[no-untyped-def]
    other = record(b"software: x\r\n", "warcinfo", WARC_Target_URI="")
    request = record(b"GET / HTTP/1.1\r\n\r\n", "request")
    page = record(answer(TEXT, "Content-Type: text/html"))
    found, skipped = read(pack(other, request, page, request, page))
    assert [(each.body, each.headers) for each in found] == [(TEXT, (("Content-Type", "text/html"),))] * 2
    assert not skipped


def test_wget_puts_urls_in_angle_brackets() -> None:
    assert read(record(answer(b""), WARC_Target_URI="<http://example.org/a>"))[0][0].url == "http://example.org/a"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("chunked", [False, True])
def test_encodings_are_undone(coding: str, chunked: bool) -> None:
    headers = [f"Content-Encoding: {coding}", "Content-Length: 9"] + ["Transfer-Encoding: chunked"] * chunked
    payload = _chunks(CODINGS[coding]) if chunked else CODINGS[coding]
    (found,) = read(record(answer(payload, *headers)))[0]
    assert (found.body, found.headers, found.truncated) == (TEXT, (("Content-Length", str(len(TEXT))),), "")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_the_other_tool_decoded_already(coding: str) -> None:
    found, _ = read(record(answer(TEXT, f"Content-Encoding: {coding}", "Transfer-Encoding: chunked")))
    assert (found[0].body, found[0].headers) == (TEXT, ())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_can_be_decoded_of_a_cut_body_is_given_and_marked(coding: str) -> None:
    cut = CODINGS[coding][:-5]
    (found,) = read(record(answer(cut, f"Content-Encoding: {coding}")))[0]
    assert TEXT.startswith(found.body)
    assert found.truncated == "unspecified"
    (told,) = read(record(answer(cut, f"Content-Encoding: {coding}"), WARC_Truncated="length"))[0]
    assert told.truncated == "length"


def test_a_chunked_body_that_ends_early_is_marked() -> None:
    (found,) = read(record(answer(b"5\r\nhello\r\n9\r\nwor", "Transfer-Encoding: chunked")))[0]
    assert (found.body, found.truncated) == (b"hellowor", "unspecified")


@pytest.mark.parametrize("headers", ["Content-Encoding: compress", "Content-Encoding: gzip, gzip, gzip, gzip"])
def test_an_encoding_that_we_do_not_know_is_counted(headers: str) -> None:
    assert read(record(answer(TEXT, headers))) == ([], {"bad_encoding": 1})


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_damaged_body_is_counted(coding: str) -> None:
    damaged = _COMPRESS[coding](TEXT)[:12] + b"\xff\x00\xff" * 20
    found, skipped = read(record(answer(damaged, f"Content-Encoding: {coding}")))
    assert skipped == {"bad_encoding": 1} or found[0].truncated


@pytest.mark.thorough
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_is_never_inflated_over_the_limit(coding: str) -> None:
    bomb = answer(_COMPRESS[coding](bytes(5_000_000)), f"Content-Encoding: {coding}")
    assert read(record(bomb), max_body_bytes=10_000) == ([], {"too_large": 1})
    fits = answer(_COMPRESS[coding](bytes(10_000)), f"Content-Encoding: {coding}")
    assert len(read(record(fits), max_body_bytes=10_000)[0][0].body) == 10_000


def test_too_large_records_are_passed_over_and_counted() -> None:
    small = record(answer(b"ok"))
    for big in (record(answer(bytes(3_000_000))), record(answer(bytes(10_001))), record(bytes(10_001), "resource")):
        for pack in (b"".join, lambda each: members(*each)):
            found, skipped = read(pack([small, big, small]), max_body_bytes=10_000)
            assert ([each.body for each in found], skipped) == ([b"ok", b"ok"], {"too_large": 1})


def test_resources_are_pages_with_status_200() -> None:
    (found,) = read(record(TEXT, "resource", Content_Type="text/html; charset=utf-8"))[0]
    assert (found.status_code, found.body) == (200, TEXT)
    assert found.headers == (("Content-Type", "text/html; charset=utf-8"),)


@pytest.mark.parametrize("uri", ["dns:example.org", "metadata://gnu.org/x", "urn:pageinfo:http://a/", "file:///x", ""])
def test_what_was_not_fetched_over_http_is_counted(uri: str) -> None:
    assert read(record(b"x", "resource", WARC_Target_URI=uri)) == ([], {"not_http": 1})


def _original(**fields: str) -> bytes:
    return record(answer(TEXT, "X-Of: first"), WARC_Record_ID=ORIGINAL, WARC_Payload_Digest="sha1:ABC", **fields)


REVISITS = {
    "WARC 1.1 (ours, Browsertrix, pywb)": {
        "WARC_Refers_To_Target_URI": "http://example.org/",
        "WARC_Refers_To_Date": "2026-11-01T12:00:00Z",
    },
    "WARC 1.0 (wget)": {"WARC_Refers_To": ORIGINAL},
    "by digest alone (Heritrix 1)": {"WARC_Payload_Digest": "sha1:abc"},
}


@pytest.mark.parametrize("pack", [lambda *each: b"".join(each), members])
@pytest.mark.parametrize("shape", REVISITS)
def test_a_revisit_takes_its_body_from_the_earlier_record(pack, shape: str) -> None:  # type: ignore[no-untyped-def]
    own = record(
        answer(b"", "X-Of: second", "Content-Length: 1"),
        "revisit",
        WARC_Date="2026-11-02T12:00:00Z",
        WARC_Target_URI="http://example.org/2",
        **REVISITS[shape],
    )
    found, skipped = read(pack(_original(), own, _original()))
    assert [each.url[-1] for each in found] == ["/", "2", "/"]
    assert (found[1].body, found[1].headers[0], skipped) == (TEXT, ("X-Of", "second"), {})
    assert found[1].headers[1] == ("Content-Length", str(len(TEXT)))
    assert found[1].fetched_at == datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("block", [answer(b"", status="HTTP/1.1 304 Not Modified"), b"", b"\r\n"])
def test_after_a_304_all_is_as_it_was(block: bytes) -> None:
    profile = "http://netpreserve.org/warc/1.0/revisit/server-not-modified"
    found, _ = read(_original() + record(block, "revisit", WARC_Profile=profile, WARC_Refers_To=ORIGINAL))
    assert [(each.status_code, each.body, each.headers) for each in found] == [(200, TEXT, (("X-Of", "first"),))] * 2


def test_a_revisit_of_another_file_is_counted() -> None:
    revisit = record(answer(b""), "revisit", WARC_Refers_To=ORIGINAL)
    assert read(revisit + _original())[1] == {"unresolved_revisit": 1}
    assert read(gzip.compress(_original() + revisit))[1] == {}, "the first of a member can be read again"
    assert read(gzip.compress(record(answer(b"")) + _original() + revisit))[1] == {"unresolved_revisit": 1}


@pytest.mark.thorough
def test_a_file_that_cannot_be_sought_is_read_too() -> None:
    class Pipe(RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._data = BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def,override]
            return self._data.readinto(memoryview(buffer)[:1000])

    revisit = record(answer(b""), "revisit", WARC_Refers_To=ORIGINAL)
    for pack in (b"".join, lambda each: members(*each)):
        skipped: Counter[str] = Counter()
        pipe = BufferedReader(Pipe(pack([_original(), revisit, record(answer(bytes(9_000_000))), _original()])))
        assert len(list(read_warc(pipe, max_body_bytes=10_000, skipped=skipped))) == 2
        assert skipped == {"unresolved_revisit": 1, "too_large": 1}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01T12:00:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T12:00:00.123456789Z", datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-01T12:00:00.5", datetime(2026, 11, 1, 12, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-01T12:00:00+02:00", datetime(2026, 11, 1, 12, tzinfo=timezone(timedelta(hours=2)))),
        ("2026-11-01T12:30Z", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_dates_of_any_precision(text: str, moment: datetime) -> None:
    assert read(record(answer(b""), WARC_Date=text))[0][0].fetched_at == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "20261101120000", "0001-01-01T00:00:00+09:00"]
)
def test_a_record_without_a_time_is_counted(text: str) -> None:
    assert read(record(answer(b""), WARC_Date=text)) == ([], {"bad_date": 1})


def test_http_heads_as_they_come() -> None:
    heads = {
        b"HTTP/2 200\r\nA: 1\r\n\r\nbody": (200, "", (("A", "1"),), b"body"),
        b"HTTP/1.0 404 Not here\nA: 1\nB: 2\n\nbody": (404, "Not here", (("A", "1"), ("B", "2")), b"body"),
        b"HTTP/1.1 200 OK\r\nA: one\r\n two\r\nno colon\r\n\r\n": (200, "OK", (("A", "one two"),), b""),
        b"HTTP/1.1 200 OK\r\nA: caf\xe9\r\nB: caf\xc3\xa9\r\n\r\n": (200, "OK", (("A", "café"), ("B", "café")), b""),
        b"HTTP/1.1 204 No Content\r\n\r\n": (204, "No Content", (), b""),
        b"HTTP/1.1 204 No Content\r\nA: 1": (204, "No Content", (("A", "1"),), b""),
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nA: 1\r\n\r\nb": (
            200,
            "OK",
            (("A", "1"),),
            b"b",
        ),
    }
    for block, expected in heads.items():
        (found,) = read(record(block))[0]
        assert (found.status_code, found.reason_phrase, found.headers, found.body) == expected


@pytest.mark.parametrize(
    "block", [b"", b"<html>", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 99_999]
)
def test_a_block_that_is_no_http_is_counted(block: bytes) -> None:
    assert read(record(block)) == ([], {"bad_http": 1})


def test_a_part_of_a_divided_record_is_counted() -> None:
    assert read(record(answer(b"x"), WARC_Segment_Number="1")) == ([], {"segmented": 1})


def test_a_capture_without_a_uuid_gets_the_same_one_each_time() -> None:
    data = record(answer(b""), WARC_Record_ID="<urn:other:1>")
    ids = {read(data)[0][0].capture_id, read(data)[0][0].capture_id, read(record(answer(b"")))[0][0].capture_id}
    assert len(ids) == 2
