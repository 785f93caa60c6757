"""Gives a draft what the store recognises it by: two hashes, and the signature of its text.

Comes in: a finished draft; goes out: the same with `content_hash`, `fingerprint` and `signature`. The last step of the
pipeline.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.steps.signature import signature

_TEXT_KINDS = frozenset(("article", "text", "pdf"))
_VISIBLE = (
    "kind", "item_key", "title", "author", "published_at", "modified_at", "language", "content", "markdown", "summary",
    "canonical_url", "site_name", "image_url", "tags", "fields", "problems",
)  # fmt: skip


def fingerprint(draft: Draft, rules: ProcessRules, capture: Capture) -> Draft:
    """The draft with its hashes, lower-case hexadecimal SHA-256, and its signature.

    `content_hash` is equal where kind, title (case folded) and text (white space folded) are, and the fields too unless
    the kind is its text (article, text, pdf). `fingerprint` changes with any value that a reader sees; what says how
    they came about (confidence, provenance, flags) does not count. Only what is its text has a `signature`: the fields
    of products, events and the like say more than words that many of them share.
    """
    said = [draft.kind, _fold(draft.title), " ".join(draft.content.split())]
    if draft.kind not in _TEXT_KINDS:
        said.append(_canonical(dict(draft.fields)))
    visible = {name: _plain(getattr(draft, name)) for name in _VISIBLE}
    compared = rules.near_duplicates is not None and _is_its_text(draft, rules)
    return replace(
        draft,
        content_hash=_hash("\x1f".join(said)),
        fingerprint=_hash(_canonical(visible)),
        signature=signature(draft.content) if compared else b"",
    )


def _is_its_text(draft: Draft, rules: ProcessRules) -> bool:
    """Whether it is a text, by its kind or because the source gives its pages a name of its own."""
    return draft.kind in _TEXT_KINDS or (draft.kind == rules.kind and not draft.item_key)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if hasattr(value, "keys") else value  # type: ignore[call-overload]


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
