"""A failure: why a piece of work could not be done, in the terms that a dead letter keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """`reason` is a slug (`timeout`, `worker_died`, `out_of_memory`, `error`); equal failures are grouped by `place`,
    which is `file:line function`; `trace` is capped at 8 KiB."""

    reason: str
    error_type: str
    message: str
    place: str = ""
    trace: str = ""
