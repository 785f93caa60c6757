"""The object of a batch on S3: its end tells where each body lies, and what is damaged of it is found."""

from __future__ import annotations

import io
from hashlib import sha256

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tidemill.archive.bucket_faults import explain, fault_of
from tidemill.archive.object_format import compose, index_bytes, is_pack, new_name, parse_index
from tidemill.archive.pack_format import Damaged, decode, encode, scan
from tidemill.errors import Permanent, Transient

BODIES = st.lists(st.binary(max_size=200), min_size=1, max_size=8, unique=True)


def composed(bodies: list[bytes]) -> tuple[bytes, list[bytes]]:
    digests = [sha256(body).digest() for body in bodies]
    records = [encode(each, body, zstd.ZstdCompressor(3)) for each, body in zip(digests, bodies, strict=True)]
    content, placed = compose(digests, records)
    name = new_name(len(bodies))
    assert parse_index(content[-index_bytes(name) :], len(content)) == placed
    return content, digests


@given(bodies=BODIES)
def test_the_end_of_an_object_tells_of_every_body(bodies: list[bytes]) -> None:
    content, digests = composed(bodies)
    placed = parse_index(content[-index_bytes(new_name(len(bodies))) :], len(content))
    read = [decode(content[each.offset : each.offset + each.length], each.digest) for each in placed]
    assert (read, [each.digest for each in placed]) == (bodies, digests)


@given(bodies=BODIES)
def test_without_its_end_it_is_read_like_any_pack(bodies: list[bytes]) -> None:
    content, digests = composed(bodies)
    assert [each.digest for each in scan(io.BytesIO(content), 0, len(content))] == digests


@given(bodies=BODIES, where=st.floats(0, 0.999), change=st.integers(1, 255))
def test_a_changed_byte_of_the_index_is_found(bodies: list[bytes], where: float, change: int) -> None:
    content, _ = composed(bodies)
    raw = bytearray(content[-index_bytes(new_name(len(bodies))) :])
    raw[int(len(raw) * where)] ^= change
    with pytest.raises(Damaged):
        parse_index(bytes(raw), len(content))


def test_an_index_cannot_point_outside_of_its_pack() -> None:
    content, _ = composed([b"body"])
    raw = content[-index_bytes(new_name(1)) :]
    with pytest.raises(Damaged, match="outside"):
        parse_index(raw, len(content) - 1)


def test_names_sort_by_time_and_strange_ones_are_no_packs() -> None:
    names = [new_name(number) for number in (7, 300, 1)]
    assert names == sorted(names)
    assert all(map(is_pack, names))
    assert not any(map(is_pack, ("x.pack", names[0] + ".tmp", names[0].removesuffix(".pack"), "../" + names[0])))
    with pytest.raises(Damaged):
        index_bytes("x.pack")


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        ("status code: 404 Not Found: <Code>NoSuchBucket</Code>", Permanent, "archive_bucket"),
        ("status code: 403 Forbidden: <Code>AccessDenied</Code>", Permanent, "archive_denied"),
        ("status code: 400 Bad Request: <Code>InvalidArgument</Code>", Permanent, "archive_unavailable"),
        ("status code: 503 Slow Down: <Code>SlowDown</Code>", Transient, "archive_unavailable"),
        ("status code: 429 Too Many Requests", Transient, "archive_unavailable"),
        ("HTTP error: error sending request", Transient, "archive_unavailable"),
    ],
)
def test_what_a_server_says_decides_whether_to_wait(said: str, kind: type[Exception], reason: str) -> None:
    error = explain(fault_of(RuntimeError(f"Error performing PUT - {said}")), "s3://b/k", "https://s3.example", 3)
    assert type(error) is kind
    assert error.reason == reason
    assert "s3://b/k at https://s3.example" in str(error)
