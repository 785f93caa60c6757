"""An export: a job that makes one file of documents, and which documents those are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidemill.models.document import Json


@dataclass(frozen=True, slots=True)
class Selection:
    """Which current documents; `None` means any. Times are aware; `after` includes the moment, `before` does not.

    `updated_after` is by when the store changed them last: exports that go on where the last one ended.
    """

    source: str | None = None
    kind: str | None = None
    language: str | None = None
    published_after: datetime | None = None
    published_before: datetime | None = None
    updated_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """A job as it stands. `state` is `pending`, `running`, `done` or `failed`; `attempts` counts who took it up.

    `file` is where the shelf has it, once it is done. `truncated`: more documents matched the query than are exported.
    """

    id: str
    state: str
    format: str
    request: Mapping[str, Json]
    created_at: datetime
    finished_at: datetime | None
    user_id: str | None
    team_id: str | None
    error: str | None
    rows: int = 0
    attempts: int = 0
    size_bytes: int | None = None
    sha256: str | None = None
    file: str | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """What a job came to."""

    rows: int
    size_bytes: int
    sha256: str
    file: str
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A job that this process has taken up. Every later write bears the token.

    `left_over` is a file that one who died before may have put on the shelf.
    """

    id: str
    token: str
    attempts: int
    request: Mapping[str, Json] = field(default_factory=dict)
    left_over: str | None = None
