"""Identifiers: time-ordered ones for things that happen, derived ones for things that are.

All identifiers are `str` in canonical UUID form. A thing that *happens* (run, capture, event) gets a UUIDv7 (RFC 9562),
so that its key sorts by time. A thing that *is* (page, document) gets a UUIDv8 derived from what identifies it, so that
inserting it twice is the same row without asking the database first.
"""

from __future__ import annotations

from hashlib import blake2b

import uuid_utils

_SEPARATOR = "\x1f"
_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}


def new_id() -> str:
    """A fresh UUIDv7."""
    return str(uuid_utils.uuid7())


def derived_id(*parts: str) -> str:
    """The UUIDv8 made of the BLAKE2b hash of `parts`: the same parts always give the same identifier."""
    digest = blake2b(_SEPARATOR.join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    # Version 8 and the variant of RFC 9562, written as `str(UUID(…))` would, at a third of its time.
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:]}"


def page_id(source_id: str, url_key: str) -> str:
    """The identifier of the page `url_key` of a source."""
    return derived_id("page", source_id, url_key)


def document_id(page: str, item_key: str) -> str:
    """The identifier of the document that item `item_key` of a page gives (`""`: the page itself)."""
    return derived_id("document", page, item_key)
