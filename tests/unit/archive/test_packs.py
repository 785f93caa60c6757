"""A pack: its records can be read alone, whatever became of what is around them, and its writer takes no whole one
back."""

from __future__ import annotations

import io
import os
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tidemill.archive import pack_writer
from tidemill.archive.pack_format import HEADER, Damaged, Record, decode, encode, scan, whole_bytes
from tidemill.archive.pack_writer import PackWriter

BODIES = st.lists(st.one_of(st.binary(max_size=300), st.just(b"word " * 500)), max_size=6)


def record(body: bytes) -> bytes:
    return encode(sha256(body).digest(), body, zstd.ZstdCompressor(3))


def scanned(raw: bytes, start: int = 0) -> list[Record]:
    return list(scan(io.BytesIO(raw), start, len(raw)))


def bodies_in(raw: bytes) -> list[bytes]:
    return [decode(raw[each.offset : each.offset + each.length], each.digest) for each in scanned(raw)]


@given(bodies=BODIES)
def test_a_pack_tells_what_is_in_it(bodies: list[bytes]) -> None:
    assert bodies_in(HEADER + b"".join(map(record, bodies))) == bodies


@given(bodies=BODIES, cut=st.integers(0, 1 << 12))
def test_a_pack_that_ends_anywhere_tells_every_whole_record(bodies: list[bytes], cut: int) -> None:
    records = list(map(record, bodies))
    raw = (HEADER + b"".join(records))[:cut]
    whole = whole_bytes(records, max(0, len(raw) - len(HEADER)))
    found = bodies_in(raw)
    assert found == bodies[: len(found)]
    assert sum(map(len, records[: len(found)])) == whole


@given(bodies=BODIES.filter(bool), where=st.floats(0, 0.999), noise=st.binary(min_size=1, max_size=100))
def test_damage_costs_the_records_that_it_touches_and_no_other(bodies: list[bytes], where: float, noise: bytes) -> None:
    raw = HEADER + b"".join(map(record, bodies))
    at = int(len(raw) * where)
    spoiled = (raw[:at] + noise + raw[at + len(noise) :])[: len(raw)]
    untouched = [
        decode(raw[each.offset : each.offset + each.length], each.digest)
        for each in scanned(raw)
        if spoiled[each.offset : each.offset + each.length] == raw[each.offset : each.offset + each.length]
    ]
    assert bodies_in(spoiled) == untouched


@given(bodies=BODIES, noise=st.binary(max_size=200))
def test_noise_is_no_record(bodies: list[bytes], noise: bytes) -> None:
    assert bodies_in(noise + b"".join(map(record, bodies))) == bodies
    assert bodies_in(HEADER + noise) == []


def test_a_page_that_holds_a_forged_record_does_not_speak_for_another() -> None:
    """Random bytes are kept as they are, so that the page's own bytes lie in the pack."""
    forged = record(b"what the site would like")
    fields = forged[:4] + sha256(b"the victim").digest() + forged[36:56]
    forged = fields + pack_crc(fields) + forged[60:]
    page = os.urandom(600) + forged + record(b"true") + os.urandom(600)
    raw = HEADER + b"\x00" * 4 + record(page)[4:] + record(b"next")
    assert forged in raw
    assert [each.digest for each in scanned(raw)] == [sha256(b"true").digest(), sha256(b"next").digest()]


def pack_crc(fields: bytes) -> bytes:
    return crc32(fields).to_bytes(4, "little")


def test_records_are_looked_for_from_an_offset_on() -> None:
    first, second = record(b"first"), record(b"second")
    raw = HEADER + first + second
    assert scanned(raw, len(HEADER) + len(first)) == [
        Record(sha256(b"second").digest(), len(HEADER) + len(first), len(second))
    ]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda raw: raw[:-3], "length"),
        (lambda raw: b"", "no record"),
        (lambda raw: b"X" + raw[1:], "no record"),
        (lambda raw: raw[:50] + bytes([raw[50] ^ 1]) + raw[51:], "no record"),
        (lambda raw: record(b"another"), "another body"),
        (lambda raw: raw[:60] + record(b"x" * 5000)[60:], "hash"),
        (lambda raw: raw[:60] + record(b"x" * 50_000_000)[60:], "length"),
        (lambda raw: raw[:60] + b"no frame", "."),
    ],
)
def test_a_record_that_is_not_what_it_should_be_is_refused(spoil: object, says: str) -> None:
    body = b"y" * 5000
    assert callable(spoil)
    with pytest.raises(Damaged, match=says):
        decode(spoil(record(body)), sha256(body).digest())


def test_a_writer_tells_where_each_batch_lies(tmp_path: Path) -> None:
    writer = PackWriter(tmp_path, pack_bytes=100)
    one, two = record(b"one"), record(b"two")
    name, start = writer.append([one])
    assert (start, writer.append([two, one])) == (len(HEADER), (name, len(HEADER) + len(one)))
    other, again = writer.append([one])
    assert other != name, "the first one is full"
    assert again == len(HEADER)
    writer.seal()
    assert bodies_in((tmp_path / name).read_bytes()) == [b"one", b"two", b"one"]


def test_a_pack_that_somebody_cut_or_moved_is_appended_to_no_more(tmp_path: Path) -> None:
    writer = PackWriter(tmp_path)
    names = [writer.append([record(b"one")])[0]]
    os.truncate(tmp_path / names[0], 20)
    names.append(writer.append([record(b"two")])[0])
    (tmp_path / names[1]).unlink()
    names.append(writer.append([record(b"three")])[0])
    writer.seal()
    assert len(set(names)) == 3


@pytest.mark.parametrize("room", [0, 30, 200, 400])
def test_of_a_torn_batch_the_whole_records_stay_and_the_next_begins_a_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Others may have read the whole records already; nobody can have taken the torn one for good."""
    writer = PackWriter(tmp_path)
    batch = [record(os.urandom(100)) for _ in range(3)]
    before, _ = writer.append([record(b"before")])
    size = (tmp_path / before).stat().st_size
    write = os.write
    left = room

    def full(descriptor: int, data: memoryview) -> int:
        nonlocal left
        if left == 0:
            raise OSError(28, "No space left on device")
        written = write(descriptor, data[:left])
        left -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(pack_writer.os, "write", full)
        with pytest.raises(OSError, match="No space"):
            writer.append(batch)
    assert (tmp_path / before).stat().st_size == size + whole_bytes(batch, room)
    assert writer.append(batch)[0] != before
    writer.seal()


def test_a_pack_without_a_whole_record_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pack_writer, "flush_folder", full)
    with pytest.raises(OSError, match="No space"):
        PackWriter(tmp_path).append([record(b"body")])
    assert list(tmp_path.iterdir()) == []
