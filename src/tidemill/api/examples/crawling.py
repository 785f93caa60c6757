"""Sources, runs, their ledgers, and what could not be processed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tidemill.api.examples.names import CAPTURE, DOCUMENT, GROUP, HASH, LETTER, PAGE, RUN, SITE, SOURCE
from tidemill.models.run import RunOptions
from tidemill.models.source import SourceSpec

_WRITTEN = {"name": "manual", "start": [SITE], "within": [SITE]}
_SPEC = asdict(SourceSpec(name="manual", start=(SITE,), within=(SITE,)))
_SOURCE = {
    "id": SOURCE,
    "name": "manual",
    "kind": "website",
    "adhoc": False,
    "version": 2,
    "created_at": "2026-11-20T09:00:00Z",
    "updated_at": "2026-11-23T08:30:00Z",
    "documents": 120,
    "spec": _SPEC,
}
_DIFF = "--- manual 1\n+++ manual 2\n@@ -1,3 +1,5 @@\n name: manual\n start:\n - https://example.org/manual/\n"
_RUN = {
    "id": RUN,
    "source": "manual",
    "state": "running",
    "options": asdict(RunOptions(max_pages=500)),
    "created_at": "2026-11-23T09:00:00Z",
    "started_at": "2026-11-23T09:00:01Z",
    "finished_at": None,
    "duration_s": 24.5,
    "discovered": 130,
    "fetched": 124,
    "bytes": 1843200,
    "out_of_scope": 41,
    "outcomes": {"stored": 120, "redirected": 3, "pending": 7},
    "documents": 120,
    "saved_requests": 0,
    "saved_bytes": 0,
    "error": None,
    "compacted_at": None,
}
_LETTER = {
    "id": LETTER,
    "group": GROUP,
    "state": "open",
    "source": "manual",
    "url": PAGE,
    "reason": "timeout",
    "error_type": "Timeout",
    "message": "the worker did not finish within 30 s",
    "place": "",
    "attempts": 3,
    "died_at": "2026-11-23T09:02:10Z",
    "settled_at": None,
    "settled_by": None,
    "run_id": RUN,
    "capture_id": CAPTURE,
    "fetched_at": "2026-11-23T09:00:07Z",
    "body_hash": HASH,
}
_CAUSE = {
    "key": GROUP,
    "reason": "timeout",
    "error_type": "Timeout",
    "place": "",
    "count": 3,
    "first_at": "2026-11-23T09:01:02Z",
    "last_at": "2026-11-23T09:02:10Z",
    "letter_id": LETTER,
    "url": PAGE,
    "message": "the worker did not finish within 30 s",
}
_LINE = {
    "url": PAGE,
    "outcome": "stored",
    "reason": None,
    "status_code": 200,
    "depth": 1,
    "capture_id": CAPTURE,
    "document_ids": [DOCUMENT],
}

CRAWLING: Mapping[str, Mapping[str, Any]] = {
    "NewSource": _WRITTEN,
    "SourceAnswer": _SOURCE,
    "SourceList": {"items": [_SOURCE], "next": None},
    "SourceChange": {"name": "manual", "state": "changed", "diff": f"{_DIFF}+within:\n+- {SITE}\n"},
    "DeletedSource": {"runs_cancelled": 1, "documents_removed": 120},
    "VersionList": {
        "items": [{"version": 2, "created_at": "2026-11-23T08:30:00Z", "diff": _DIFF, "spec": _SPEC}],
        "next": None,
    },
    "RunRequest": {"target": "manual", "fresh": True, "max_pages": 500},
    "RunAnswer": _RUN,
    "StartedRun": {
        **_RUN,
        "state": "queued",
        "started_at": None,
        "duration_s": 0.0,
        "discovered": 1,
        "fetched": 0,
        "bytes": 0,
        "out_of_scope": 0,
        "outcomes": {"pending": 1},
        "resumed": False,
        "ignored_options": [],
    },
    "RunWithProgress": {
        **_RUN,
        "progress": {"done": 123, "open": 7, "pages_per_s": 5.02, "left_s": 1.4, "hosts": []},
    },
    "RunList": {"items": [_RUN], "next": None},
    "LedgerPage": {"items": [_LINE], "next": None},
    "DeadLetterPage": {"items": [_LETTER], "next": None},
    "FullDeadLetter": {**_LETTER, "trace": "", "archived": True},
    "DeadLetterGroups": {"items": [_CAUSE]},
    "LetterSelection": {"source": "manual", "reason": "timeout"},
    "MovedLetters": {"ids": [LETTER], "left": {"replayed": 2}},
}
