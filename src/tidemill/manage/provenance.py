"""Where the values of a document come from: its capture, and for each value the extractor and the rule that gave it.

Comes in: a document, with its provenance as `models.document.origin` writes it; goes out: a record for people and JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tidemill.archive.base import Archive
from tidemill.errors import NotFound
from tidemill.models.capture import Capture
from tidemill.models.document import Document, Json
from tidemill.store import captures, versions
from tidemill.store.engine import Store

_BY_STEPS = ("language", "language_confidence", "word_count", "reading_time_minutes", "summary", "keywords", "entities")
_NOT_EXPLAINED = ("content_hash", "fingerprint", "fields", "provenance", "kind", "disagreements", "flags", "problems")
_ORIGIN = re.compile(r"(?P<extractor>[^@\s]+)(?:@(?P<version>\S+))?(?:\s+(?P<rule>.*))?", re.DOTALL)
_NOTHING: tuple[Json, ...] = (None, "", [])


async def why(store: Store, archive: Archive, document: Document) -> dict[str, Any]:
    """Where each value of a document comes from: its capture, then by value the extractor, its version and the rule."""
    try:
        capture: Capture | None = await captures.get(store, document.capture_id)
    except NotFound:
        capture = None
    values = versions.values_of(document.draft)
    told = values["provenance"] if isinstance(values["provenance"], dict) else {}
    named: dict[str, Json] = {name: value for name, value in values.items() if name not in _NOT_EXPLAINED}
    named |= {f"fields.{name}": value for name, value in document.draft.fields.items()}
    return {
        "capture": await _capture_record(archive, capture) if capture is not None else None,
        "values": [
            {
                "field": name,
                "value": value,
                **_origin(name, told),
                "others": _others(name, document.draft.disagreements),
            }
            for name, value in named.items()
            if value not in _NOTHING
        ],
    }


async def _capture_record(archive: Archive, capture: Capture) -> dict[str, Any]:
    names = ("id", "run_id", "url", "fetched_at", "status_code", "media_type", "body_hash", "size_bytes")
    return {name: getattr(capture, name) for name in names} | {"archived": await archive.exists(capture.body_hash)}


def _origin(name: str, told: Mapping[str, Json]) -> dict[str, str | None]:
    written = told.get(name) or told.get(name.removeprefix("fields."))
    found = _ORIGIN.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        return {"extractor": "steps" if name in _BY_STEPS else None, "version": None, "rule": None}
    return found.groupdict()


def _others(name: str, disagreements: Sequence[Mapping[str, Json]]) -> list[dict[str, Json]]:
    wanted = {name, name.removeprefix("fields.")}
    return [
        {key: value for key, value in each.items() if key != "field"}
        for each in disagreements
        if each.get("field") in wanted
    ]
