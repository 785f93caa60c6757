"""Pages that are slow, endless or poisonous. The home page links to them only with `--hostile`."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from tests.site.expected import without_document
from tests.site.layout import paragraph, shell
from tests.site.page import Page
from tests.site.sections import index_page, plain_page

SLOW_S = 1.5
BOMB_BYTES = 200 * 1024 * 1024
HUGE_BYTES = 64 * 1024 * 1024
NESTING = 100_000
_CHUNK = b"<p>Boom, said the parcel, and boom again.</p>\n" * 22_000

_BEHAVIOURS = {
    "stall": ("failed", "timeout", "never answers"),
    "loris": ("failed", "timeout", "sends headers one at a time and never ends"),
    "drip": ("failed", "timeout", "sends one byte a second and never ends"),
    "huge": ("failed", "too_large", "streams 64 MB without saying so"),
    "huge-declared": ("failed", "too_large", "says that it has 64 MB, and has"),
    "endless": ("failed", "too_large", "streams without end"),
    "reset": ("failed", None, "hangs up without a word"),
    "cut": ("failed", None, "hangs up in the middle of its body"),
}


def hostile_pages() -> Iterator[Page]:
    """Give the hostile wing."""
    opening = (
        "Visitors enter the hostile wing at their own risk, since some of its rooms have no floor, some have no end, "
        "and in one of them somebody has been about to speak since 1911."
    )
    names = [*_BEHAVIOURS, "slow.html", "bomb.html", "deep-nest.html", "always-500"]
    yield index_page("/hostile/", "The hostile wing", opening, [(f"/hostile/{name}", name) for name in names])
    for name, (outcome, reason, what) in _BEHAVIOURS.items():
        expected = without_document(f"/hostile/{name}", outcome, reason, kind="hostile", status_code=None, later=what)
        yield Page(expected, lambda base: "", behaviour=name, validators=False, may_gzip=False)
    slow = plain_page(
        "/hostile/slow.html",
        "The slow room",
        (
            "This page thinks for a second and a half before it speaks, and then speaks sense.",
            "Patience is the only key that fits the lock.",
        ),
    )
    yield replace(slow, delay_s=SLOW_S)
    yield Page(
        without_document("/hostile/bomb.html", "failed", "inflation", kind="hostile"),
        lambda base: bomb(),
        headers=(("Content-Encoding", "gzip"),),
        validators=False,
        may_gzip=False,
    )
    yield Page(
        without_document("/hostile/deep-nest.html", "invalid", "nesting_too_deep", kind="hostile"),
        lambda base: deep_nest(),
        may_gzip=False,
    )
    error = without_document("/hostile/always-500", "failed", "http_500", kind="hostile", status_code=500)
    yield Page(error, lambda base: shell("500", paragraph(["Out of order."])), status=500, validators=False)


@cache
def bomb() -> bytes:
    """Give a gzip file that inflates to a little over `BOMB_BYTES`, made of one block repeated (RFC 1952)."""
    head = b"<!DOCTYPE html><html><head><title>Parcel</title></head><body>\n"
    times = BOMB_BYTES // len(_CHUNK) + 1
    checksum = zlib.crc32(head)
    for _ in range(times):
        checksum = zlib.crc32(_CHUNK, checksum)
    size = len(head) + times * len(_CHUNK)
    last = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    header = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
    return header + _block(head) + _block(_CHUNK) * times + last + struct.pack("<II", checksum, size & 0xFFFFFFFF)


def _block(data: bytes) -> bytes:
    """Compress so that the result can be repeated: a full flush forgets what came before."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH)


def deep_nest() -> str:
    """Give a page in which the text lies under `NESTING` open elements."""
    return (
        "<!DOCTYPE html><html><head><title>Deep</title></head><body>"
        f"{'<div>' * NESTING}<p>At the bottom of the well there is a sentence.</p>{'</div>' * NESTING}</body></html>"
    )
