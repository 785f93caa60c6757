"""Documents, searches, exports and the change feed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.api.examples.names import CAPTURE, CURSOR, DOCUMENT, EXPORT, HASH, PAGE, RUN

_SEEN = "2026-11-23T09:00:07Z"
_STORED = "2026-11-23T09:00:09Z"
_TEXT = "The tide comes in twice a day."
_SHOWN = {
    "id": DOCUMENT,
    "url": PAGE,
    "kind": "article",
    "title": "Tides",
    "author": "Grace Hopper",
    "published_at": "2026-05-03T00:00:00Z",
    "language": "en",
    "summary": _TEXT,
    "word_count": 7,
    "fetched_at": _SEEN,
    "version": 2,
    "state": "current",
    "duplicate_of": None,
    "first_seen_at": "2026-11-20T09:00:09Z",
    "updated_at": _STORED,
    "source": "manual",
}
_VALUES = {
    "modified_at": None,
    "content": _TEXT,
    "markdown": f"# Tides\n\n{_TEXT}",
    "reading_time_minutes": 1,
    "canonical_url": PAGE,
    "site_name": "The manual",
    "image_url": None,
    "tags": ["sea"],
    "keywords": ["tide"],
    "entities": [],
    "fields": {},
    "flags": [],
    "content_hash": HASH,
    "similarity": None,
    "provenance": {"title": "jsonld@1 Article.headline"},
    "disagreements": [],
    "problems": [],
    "capture_id": CAPTURE,
}
_HIT = {
    "id": DOCUMENT,
    "url": PAGE,
    "title": "Tides",
    "score": 7.31,
    "highlights": ["The <mark>tide</mark> comes in twice a day."],
    "source": "manual",
    "language": "en",
    "published_at": "2026-05-03T00:00:00Z",
    "kind": "article",
    "author": "Grace Hopper",
    "summary": _TEXT,
    "word_count": 7,
    "reading_time_minutes": 1,
}
_EXPORT = {
    "id": EXPORT,
    "state": "done",
    "format": "csv",
    "request": {"selection": {"source": "manual"}},
    "created_at": "2026-11-23T09:10:00Z",
    "finished_at": "2026-11-23T09:10:02Z",
    "rows": 120,
    "truncated": False,
    "size_bytes": 482133,
    "sha256": HASH,
    "download": f"/api/v1/exports/{EXPORT}/download",
    "error": None,
}
_VERSION = {
    "version": 2,
    "state": "current",
    "capture_id": CAPTURE,
    "fetched_at": _SEEN,
    "replaced_at": None,
}
_CAPTURE = {
    "id": CAPTURE,
    "run_id": RUN,
    "url": PAGE,
    "fetched_at": _SEEN,
    "status_code": 200,
    "media_type": "text/html",
    "body_hash": HASH,
    "size_bytes": 14211,
    "archived": True,
}
_EVENT = {
    "id": 5123,
    "cursor": CURSOR,
    "kind": "document.changed",
    "at": _STORED,
    "source": "manual",
    "run_id": RUN,
    "document_id": DOCUMENT,
    "data": {"url": PAGE, "duplicate_of": None, "similarity": None},
}

DOCUMENTS: Mapping[str, Mapping[str, Any]] = {
    "SearchAnswer": {
        "query": "tide",
        "total": 1,
        "took_ms": 1.9,
        "hits": [_HIT],
        "facets": {"tag": [{"value": "sea", "count": 1}]},
        "histogram": [{"value": "2026-05-03", "count": 1}],
        "facet_errors": {},
        "stale": False,
        "age_s": 0.0,
    },
    "Suggestions": {"suggestions": ["tide", "tide mill"]},
    "AskedQueries": {"queries": [{"query": "tide mill", "asked": 12, "empty": 0}]},
    "DocumentAnswer": {**_SHOWN, **_VALUES},
    "DocumentList": {"items": [_SHOWN], "next": None},
    "DocumentVersionList": {"items": [{**_VERSION, "changed": ["content", "markdown"]}], "next": None},
    "FullDocumentVersion": {**_VERSION, "values": {"title": "Tides", "content": _TEXT}},
    "DocumentDiff": {
        "document_id": DOCUMENT,
        "old": 1,
        "new": 2,
        "changes": [{"field": "title", "old": "The tide", "new": "Tides"}],
    },
    "Provenance": {
        "capture": _CAPTURE,
        "values": [
            {
                "field": "title",
                "value": "Tides",
                "extractor": "jsonld",
                "version": "1",
                "rule": "Article.headline",
                "others": [],
            }
        ],
    },
    "ExportRequest": {"format": "csv", "source": "manual", "published_after": "2026-01-01T00:00:00Z"},
    "ExportAnswer": _EXPORT,
    "ExportList": {"items": [_EXPORT], "next": None},
    "ChangeEvents": {"items": [_EVENT], "cursor": CURSOR, "has_more": False},
}
