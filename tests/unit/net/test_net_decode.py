"""Bodies are inflated within limits, whatever the chunks and whatever is in them."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Permanent, TidemillError, Transient
from tidemill.net.decode import Decoder, content_encoding, open_decoder

MIB = 1024 * 1024
PAGE = b"<p>tide and mill</p>" * 500


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def quick_brotli(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=4))


COMPRESS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", quick_brotli),
    "zstd": ("zstd", zstd.compress),
}
each_form = pytest.mark.parametrize("form", COMPRESS)


def decode(encoding: str, *chunks: bytes, max_bytes: int = 32 * MIB, max_inflation: int = 200) -> bytes:
    decoder = open_decoder(encoding, max_bytes=max_bytes, max_inflation=max_inflation)
    for chunk in chunks:
        decoder.feed(chunk)
    assert decoder.received == sum(map(len, chunks))
    return decoder.finish()


@each_form
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_bodies_come_back_whatever_the_chunks(form: str, size: int) -> None:
    encoding, compress = COMPRESS[form]
    packed = compress(PAGE)
    assert decode(encoding, *(packed[at : at + size] for at in range(0, len(packed), size))) == PAGE


@pytest.mark.thorough
@each_form
def test_a_body_larger_than_one_step_comes_back(form: str) -> None:
    encoding, compress = COMPRESS[form]
    body = bytes(range(256)) * 4096 * 5  # 5 MiB
    assert decode(encoding, compress(body), max_inflation=10**9) == body


@pytest.mark.thorough
@each_form
def test_a_body_of_exactly_the_limit_passes_and_one_more_byte_does_not(form: str) -> None:
    encoding, compress = COMPRESS[form]
    for limit in (10_000, MIB, 2 * MIB):
        body = b"x" * limit
        assert decode(encoding, compress(body), max_bytes=limit, max_inflation=10**9) == body
        with pytest.raises(Permanent) as caught:
            decode(encoding, compress(body + b"x"), max_bytes=limit, max_inflation=10**9)
        assert caught.value.reason == "too_large"


@pytest.mark.thorough
def test_a_bomb_is_one_whether_it_arrives_in_pieces_or_at_once() -> None:
    bomb = gzip.compress(bytes(40 * MIB))
    assert len(bomb) > 30_000
    for size in (1_000, 16_000, len(bomb)):
        with pytest.raises(Permanent) as caught:
            decode("gzip", *(bomb[at : at + size] for at in range(0, len(bomb), size)), max_bytes=2 * MIB)
        assert caught.value.reason == "inflation"


@pytest.mark.thorough
@each_form
@pytest.mark.parametrize(("max_inflation", "reason"), [(20, "inflation"), (10**9, "too_large")])
def test_a_bomb_is_refused_before_it_fills_memory(form: str, max_inflation: int, reason: str) -> None:
    encoding, compress = COMPRESS[form]
    bomb = compress(bytes(32 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(Permanent) as caught:
            decode(encoding, bomb, max_bytes=4 * MIB, max_inflation=max_inflation)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.reason == reason
    assert peak < 16 * MIB


@each_form
def test_repetition_below_a_mebibyte_is_no_bomb(form: str) -> None:
    encoding, compress = COMPRESS[form]
    assert len(decode(encoding, compress(bytes(MIB)), max_inflation=2)) == MIB


@each_form
def test_a_cut_stream_is_truncated_and_not_final(form: str) -> None:
    encoding, compress = COMPRESS[form]
    packed = compress(PAGE)
    for cut in (1, len(packed) // 2, len(packed) - 1):
        with pytest.raises(Transient) as caught:
            decode(encoding, packed[:cut])
        assert caught.value.reason == "truncated"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_an_empty_body_is_empty_in_any_encoding(encoding: str) -> None:
    assert decode(encoding) == b""
    assert decode(encoding, b"") == b""


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_a_body_that_is_not_what_it_says_is_a_bad_encoding(encoding: str) -> None:
    with pytest.raises(Permanent, match=encoding) as caught:
        decode(encoding, b"<html>plain text that never was compressed</html>" * 20)
    assert caught.value.reason == "bad_encoding"


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_several_members_are_one_body(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    packed = compress(b"one ") + compress(b"two ") + compress(b"three")
    assert decode(encoding, packed) == b"one two three"
    assert decode(encoding, *(packed[at : at + 1] for at in range(len(packed)))) == b"one two three"


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_a_flood_of_empty_members_is_refused(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Permanent, match="members") as caught:
        decode(encoding, compress(b"") * 5000)
    assert caught.value.reason == "bad_encoding"


@pytest.mark.parametrize("form", ["gzip", "zlib", "raw deflate", "zstd"])
def test_bytes_after_the_end_are_ignored(form: str) -> None:
    encoding, compress = COMPRESS[form]
    assert decode(encoding, compress(PAGE) + b"\n\n", b"more", compress(b"hidden")) == PAGE


def test_a_zstd_window_beyond_the_standard_is_refused() -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    compressor = zstd.ZstdCompressor(options=options)
    packed = compressor.compress(PAGE) + compressor.flush()
    with pytest.raises(Permanent) as caught:
        decode("zstd", packed)
    assert caught.value.reason == "bad_encoding"


def test_a_plain_body_is_only_counted() -> None:
    assert decode("", b"a", b"b", max_bytes=2) == b"ab"
    with pytest.raises(Permanent) as caught:
        decode("", b"ab", b"c", max_bytes=2)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    ("values", "encoding"),
    [
        ((), ""),
        (("",), ""),
        (("identity",), ""),
        ((" GZIP ",), "gzip"),
        (("x-gzip",), "gzip"),
        (("identity, br",), "br"),
    ],
)
def test_known_encodings(values: tuple[str, ...], encoding: str) -> None:
    assert content_encoding(values) == encoding


@pytest.mark.parametrize("values", [("gzip, gzip",), ("gzip", "br"), ("compress",), ("utf-8",), ("x" * 500,)])
def test_unknown_and_stacked_encodings_are_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(Permanent, match="not supported") as caught:
        content_encoding(values)
    assert caught.value.reason == "bad_encoding"
    assert len(str(caught.value)) < 250


@given(st.sampled_from(["gzip", "deflate", "br", "zstd"]), st.lists(st.binary(max_size=200), max_size=8))
def test_any_bytes_give_a_body_or_an_error_of_ours(encoding: str, chunks: list[bytes]) -> None:
    try:
        decode(encoding, *chunks)
        reason = "decoded"
    except TidemillError as error:
        reason = error.reason
    assert reason in {"decoded", "bad_encoding", "truncated"}


@given(st.sampled_from(sorted(COMPRESS)), st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=5))
def test_compression_round_trips_over_any_cuts(form: str, body: bytes, cuts: list[int]) -> None:
    encoding, compress = COMPRESS[form]
    packed = compress(body)
    edges = [0, *sorted(min(cut, len(packed)) for cut in cuts), len(packed)]
    chunks = [packed[a:b] for a, b in pairwise(edges)]
    assert decode(encoding, *chunks) == body


def test_what_was_decoded_before_an_error_is_still_there() -> None:
    decoder: Decoder = open_decoder("", max_bytes=3, max_inflation=2)
    with pytest.raises(Permanent):
        decoder.feed(b"abcdef")
    assert decoder.so_far() == b"abcdef"
