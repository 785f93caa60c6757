"""Under which keys a document is found again by those that may be alike: rows of the table `signatures`.

In: a content hash, a signature, an event's start. Out: keys of 48 bits, and sketches. Only the leader of each group of
equal documents has rows. The lowest bit of a stored key says that it is no original, so that originals are found alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b
from math import sqrt
from operator import eq
from typing import TypeAlias

from tidemill.store.event_matches import Happening

Key: TypeAlias = int
"""46 bits of a hash, one that says whether it is of an event, and a lowest one that is 0."""

HASHES = 128
_SIZE = 4 * HASHES
_BANDS = 6  # Each costs a row at a random place of a large table: most of what it costs to find near-duplicates.
_ROWS = 2  # .75 alike share a key in 99.3 % of cases, .6 in 93 %, .1 in 6 %: their sketches sort most of these out
_PRIME = 2**46 - 21  # What is hashed already need only be made shorter, the same in every process.
_PACKED = struct.Struct(f"<{HASHES}I")
_PAIRS = struct.Struct(f"<{_BANDS}Q")
_LOWEST_BIT = bytes(ord("0") + byte % 2 for byte in range(256))
_SLACK = 2.0  # Four standard deviations: one pair of 30,000 that is alike enough is missed.

DUPLICATE = 1
"""The lowest bit, in the keys of those that are no originals."""
_EVENT = 2


def content_key(content_hash: str) -> Key:
    """The key of a group of equal documents."""
    return _key(content_hash.encode())


def text_keys(signature: bytes) -> list[Key]:
    """The keys of a text: those alike share one of them, most likely."""
    if len(signature) != _SIZE:
        return []
    return [(_BANDS * pair + band) % _PRIME << 2 for band, pair in enumerate(_PAIRS.unpack_from(signature))]


def sketch(signature: bytes) -> bytes:
    """One bit of each hash of a signature: what tells most pairs apart that are not alike, without their signatures."""
    if len(signature) != _SIZE:
        return b""
    return int(signature[::4].translate(_LOWEST_BIT), 2).to_bytes(HASHES // 8, "big")


def sieve(own: bytes, threshold: float) -> Callable[[bytes], bool]:
    """Whether the text of a sketch may be as similar as this to that of `own`; what has no sketch may always be."""
    if not own:
        return lambda other: True
    bits = int.from_bytes(own, "big")
    different = HASHES * (1 - threshold)
    most = different / 2 + _SLACK * sqrt(different)

    def may_be_alike(other: bytes) -> bool:
        return not other or (bits ^ int.from_bytes(other, "big")).bit_count() <= most

    return may_be_alike


def event_keys(event: Happening) -> list[Key]:
    """The keys under which an event is found."""
    if event.moment is None:
        return [_event_key("day", event.day)]
    return [_event_key("moment", event.moment), _event_key("day of moment", event.day)]


def event_wants(event: Happening) -> list[Key]:
    """The keys under which an event looks for others: a day matches any moment of it, a moment only itself."""
    beside = ("day of moment", event.day) if event.moment is None else ("moment", event.moment)
    return [_event_key(*beside), _event_key("day", event.day)]


def is_of_event(key: Key) -> bool:
    """Whether it is a key of events."""
    return bool(key & _EVENT)


def similarity(one: bytes, other: bytes) -> float:
    """The share of equal hashes in two signatures: an estimate of the Jaccard similarity of their shingles."""
    equal: int = sum(map(eq, _hashes(one), _hashes(other)))
    return equal / HASHES


def _hashes(signature: bytes) -> tuple[int, ...]:
    return _PACKED.unpack(signature)


def _event_key(what: str, when: str) -> Key:
    return _key(f"{what} {when}".encode()) | _EVENT


def _key(content: bytes) -> Key:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big") % _PRIME << 2
