"""The MinHash signature of a text, by which the store recognises near-duplicates.

Comes in: plain text; goes out: 128 hashes of 4 bytes each, or nothing for a text too short to be told from others.
Called by `deduplicate`. The same text gives the same bytes in every process, on every machine, for ever.
"""

from __future__ import annotations

import re
import struct

from rensa import RMinHash

HASHES = 128
_SEED = 42
_SHINGLE_WORDS = 3  # Measured (benchmarks/duplicates.py): five lose twice as many reworded texts, and gain nothing.
_LEAST_WORDS = 50
_MOST_WORDS = 50_000
_WORD = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # by character
    r"|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_PLAIN_WORD = re.compile(r"\w+")
_THEIR_BEGINNINGS = bytes((*range(0xE3, 0xEA), 0xEF, 0xF0))
"""The first bytes that letters taken one by one have in UTF-8: a text without them needs no look at each letter."""
_PACKED = struct.Struct(f"<{HASHES}I")


def signature(text: str) -> bytes:
    """The MinHashes of the text's shingles of three words, case folded; `b""` below 50 words.

    Chinese and Japanese are taken by characters. Of a text longer than 50,000 words the first ones count.
    """
    words = _words(text.casefold())[:_MOST_WORDS]
    if len(words) < _LEAST_WORDS:
        return b""
    hashes = RMinHash(num_perm=HASHES, seed=_SEED)
    shingles = zip(*(words[at:] for at in range(_SHINGLE_WORDS)), strict=False)  # each list is one shorter
    hashes.update([*map(" ".join, shingles)])
    return _PACKED.pack(*hashes.digest())


def _words(text: str) -> list[str]:
    if text.isascii():
        return _PLAIN_WORD.findall(text)
    encoded = text.encode("utf-8", "surrogatepass")
    is_spaced = len(encoded.translate(None, _THEIR_BEGINNINGS)) == len(encoded)
    return (_PLAIN_WORD if is_spaced else _WORD).findall(text)
