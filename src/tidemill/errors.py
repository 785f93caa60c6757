"""The errors of the house. Their class decides what becomes of the work; their message names the thing and the way out.

TidemillError
├── Transient      try again later: the visit or capture goes back with a delay
├── Permanent      never try again: the work ends (`failed`, or a dead letter)
│   └── NoSpace    until somebody makes room: a command ends, a long-running process waits
├── Skipped        not an error of the site: the visit ends as `skipped`
└── CallerError    whoever asked must change something
    ├── NotFound   there is no such thing
    ├── Gone       there was, and it will not come back
    ├── Conflict   it cannot be done in the present state
    │   └── Changed    it is not any more what the caller has seen
    ├── Forbidden  it is not allowed
    ├── TooMany    it was asked for too often, or a day's share is used up
    └── Invalid    what was given is wrong
"""

from __future__ import annotations


class TidemillError(Exception):
    """The root. `reason` is the machine-readable slug that goes into ledgers, logs and problem documents."""

    default_reason = "error"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or self.default_reason


class Transient(TidemillError):
    """Trying again later may help. `retry_after_s` is what the other side asked for, if it did."""

    default_reason = "transient"

    def __init__(self, message: str, *, reason: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_s = retry_after_s


class Permanent(TidemillError):
    """Trying again will not help."""

    default_reason = "permanent"


class NoSpace(Permanent):
    """A disk is full. Commands end with it; long-running processes wait until somebody has made room."""

    default_reason = "disk_full"


class OwnTrouble(Exception):
    """Something of our own failed (`error` says what) while a site was asked: no page is to pay for it."""

    def __init__(self, error: TidemillError) -> None:
        super().__init__(str(error))
        self.error = error


class Skipped(TidemillError):
    """The rules say that this is not to be fetched or kept."""

    default_reason = "skipped"


class CallerError(TidemillError):
    """The one who asked has to change something."""

    default_reason = "bad_request"


class NotFound(CallerError):
    """There is no such thing."""

    default_reason = "not_found"


class Gone(CallerError):
    """There was such a thing, and it will not come back."""

    default_reason = "gone"


class Conflict(CallerError):
    """The present state does not allow it."""

    default_reason = "conflict"


class Changed(Conflict):
    """It was changed since the caller has read it, who said that it must not have been."""

    default_reason = "changed"


class Forbidden(CallerError):
    """It is not allowed."""

    default_reason = "forbidden"


class TooMany(CallerError):
    """It may be asked for again later: in `retry_after_s` seconds."""

    default_reason = "too_many"

    def __init__(self, message: str, *, reason: str | None = None, retry_after_s: float) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_s = retry_after_s


class Invalid(CallerError):
    """What was given is wrong. `problems` lists every fault found, not only the first."""

    default_reason = "invalid"

    def __init__(self, message: str, *, reason: str | None = None, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, reason=reason)
        self.problems = problems or (message,)
