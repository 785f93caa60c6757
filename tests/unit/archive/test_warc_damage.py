"""Damaged, cut and hostile WARC files: what is whole is read, the rest is counted, nothing is raised for one record."""

from __future__ import annotations

import contextlib
import gzip
import random
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.archive.warc_files import an_entry, answer, members, read, record, written

from tidemill.archive.warc import WarcEntry, read_warc
from tidemill.archive.warc import members as members_module
from tidemill.errors import Permanent

PAGES = [
    record(answer(b"page %d " % number * 50), WARC_Target_URI=f"http://example.org/{number}") for number in range(4)
]
REVISIT = record(answer(b""), "revisit", WARC_Refers_To_Target_URI="http://example.org/1",
                 WARC_Refers_To_Date="2026-11-01T12:00:00Z")  # fmt: skip
OURS = written(an_entry("https://a.example/1"), an_entry("https://a.example/2"), an_entry("https://a.example/3", b"x"))


def _numbers(entries: list[WarcEntry]) -> list[str]:
    return [each.url[-1] for each in entries]


def _read_or_refused(data: bytes) -> list[WarcEntry]:
    """The entries; none if the file is refused for being unreadable. Any other error fails the test."""
    entries: list[WarcEntry] = []
    with contextlib.suppress(Permanent):
        entries, _ = read(data)
    return entries


@pytest.mark.thorough
@pytest.mark.parametrize(
    "data",
    [OURS, gzip.decompress(OURS), members(*PAGES[:2], REVISIT), b"".join([*PAGES[:2], REVISIT]),
     gzip.compress(b"".join(PAGES[:2]))],
    ids=["ours", "ours plain", "members", "plain", "whole"],
)  # fmt: skip
def test_a_file_cut_at_any_byte_gives_a_prefix(data: bytes) -> None:
    whole, _ = read(data)
    longest = 0
    for size in range(len(data)):
        found = _read_or_refused(data[:size])
        assert found == whole[: len(found)]
        assert len(found) >= longest, "more bytes never give fewer entries"
        longest = len(found)
    assert longest >= len(whole) - 1


def test_a_cut_is_counted() -> None:
    assert read(OURS[:-3])[1] == {"cut_off": 1}
    assert read(b"".join(PAGES)[:-20])[1] == {"cut_off": 1}


@pytest.mark.parametrize("seed", range(30))
def test_one_damaged_member_costs_one_record(seed: int) -> None:
    dice = random.Random(seed)
    packed = [gzip.compress(page, mtime=0) for page in PAGES]
    bad = bytearray(packed[1])
    at = dice.randrange(len(bad))
    bad[at] ^= dice.randrange(1, 256)
    found, skipped = read(packed[0] + bytes(bad) + packed[2] + packed[3])
    assert _numbers(found) in (["0", "2", "3"], ["0", "1", "2", "3"])  # gzip's own head has bytes that mean nothing
    assert skipped.total() == 4 - len(found)


@pytest.mark.parametrize(
    "junk", [b"\x1f\x8b\x08", b"\x1f\x8b\x08\x00" * 40_000, b"no member", gzip.compress(b"no record", mtime=0)]
)
def test_junk_between_members_is_passed_over(junk: bytes) -> None:
    found, skipped = read(members(PAGES[0]) + junk + members(*PAGES[1:]))
    assert (_numbers(found), skipped.total()) == (["0", "1", "2", "3"], 1)


def test_junk_between_plain_records_is_passed_over() -> None:
    found, skipped = read(PAGES[0] + b"junk\r\n" * 50_000 + b"".join(PAGES[1:]))
    assert (_numbers(found), skipped) == (["0", "1", "2", "3"], {"bad_record": 1})


def test_a_file_may_begin_with_junk() -> None:
    assert _numbers(read(b"\xef\xbb\xbf" + b"".join(PAGES))[0]) == ["1", "2", "3"]
    assert _numbers(read(b"junk" + members(*PAGES))[0]) == ["0", "1", "2", "3"]


def test_zeros_at_the_end_are_padding() -> None:
    assert read(members(*PAGES) + bytes(200_000))[1] == {}


@pytest.mark.parametrize("length", ["", "-1", "many", "9" * 30])
def test_a_record_without_a_length_is_counted(length: str) -> None:
    bad = record(answer(b"bad"), Content_Length=length)
    for pack in (b"".join, lambda each: members(*each)):
        found, skipped = read(pack([PAGES[0], bad, PAGES[1]]))
        assert (_numbers(found), skipped) == (["0", "1"], {"bad_record": 1})


def test_a_length_that_is_too_long_takes_no_other_member_along() -> None:
    bad = record(answer(b"bad"), Content_Length="5000")
    found, skipped = read(members(PAGES[0], bad, PAGES[1]))
    assert (_numbers(found), skipped) == (["0", "1"], {"cut_off": 1})


def test_a_flipped_byte_in_a_plain_record_is_noticed_by_its_digest() -> None:
    data = gzip.decompress(OURS).replace(b"<p>one</p>", b"<p>ome</p>")
    assert read(data)[1] == {"bad_digest": 1, "unresolved_revisit": 1}


@pytest.mark.parametrize("digest", ["sha1:AAAA", "blake3:xyz", "sha256:", "nonsense", "sha1:" + "!" * 32])
def test_a_digest_that_says_nothing_is_no_damage(digest: str) -> None:
    assert len(read(record(answer(b"x"), WARC_Block_Digest=digest))[0]) == 1


def test_endless_heads_end() -> None:
    endless = b"WARC/1.0\r\n" + b"X-A: 1\r\n" * 200_000
    found, skipped = read(PAGES[0] + endless + b"\r\n" + PAGES[1])
    assert (_numbers(found), skipped) == (["0", "1"], {"bad_record": 1})


def test_a_head_that_another_one_begins_in_costs_only_itself() -> None:
    found, skipped = read(b"WARC/1.1\r\nWARC-Type: response\r\n" * 3 + PAGES[0] + PAGES[1])
    assert (_numbers(found), skipped) == (["0", "1"], {"bad_record": 3})


@pytest.mark.thorough
def test_a_bomb_is_left_and_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_module, "_BOMB_FROM", 8_000_000)
    packer = zlib.compressobj(wbits=31)
    head = record(b"", Content_Length="999999999999").rstrip(b"\r\n") + b"\r\n\r\n"
    bomb = packer.compress(head) + b"".join(packer.compress(bytes(1_000_000)) for _ in range(64)) + packer.flush()
    tracemalloc.start()
    found, skipped = read(members(PAGES[0]) + bomb + members(PAGES[1]), max_body_bytes=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (_numbers(found), skipped) == (["0", "1"], {"inflation": 1})
    assert peak < 3_000_000


def test_a_captured_archive_gives_no_entries_of_its_own() -> None:
    inner = members(record(answer(b"forged"), WARC_Target_URI="http://evil.example/6"))
    for body in (inner, b"\r\n\r\n" + PAGES[3]):
        outer = record(answer(body + bytes(3_000_000)))
        for pack in (b"".join, lambda each: members(*each)):
            assert _numbers(read(pack([PAGES[0], outer, PAGES[1]]), max_body_bytes=1000)[0]) == ["0", "1"]


@given(st.binary(max_size=400))
def test_any_bytes_give_entries_or_one_error(data: bytes) -> None:
    for prefix in (b"", b"WARC/1.0\r\n", members(PAGES[0]), PAGES[0], b"\x1f\x8b\x08"):
        _read_or_refused(prefix + data)


@given(st.data())
def test_any_damage_gives_entries_or_one_error(data: st.DataObject) -> None:
    bad = bytearray(data.draw(st.sampled_from([OURS, gzip.decompress(OURS), b"".join(PAGES)])))
    for at in data.draw(st.lists(st.integers(0, len(bad) - 1), max_size=5)):
        bad[at] = data.draw(st.integers(0, 255))
    _read_or_refused(bytes(bad))


@pytest.mark.parametrize(("data", "why"), [(b"", "empty"), (b"<html>", "bad_record at byte 0"), (OURS[:60], "cut_off")])
def test_a_file_of_which_nothing_can_be_read_is_named(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "some.warc.gz"
    path.write_bytes(data)
    with path.open("rb") as source, pytest.raises(Permanent, match=why) as caught:
        list(read_warc(source, max_body_bytes=1000))
    assert caught.value.reason == "bad_warc"
    assert "some.warc.gz" in str(caught.value)
    with pytest.raises(Permanent, match="the WARC stream"):
        list(read_warc(BytesIO(data), max_body_bytes=1000))
