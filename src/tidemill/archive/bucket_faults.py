"""What goes wrong with an archive on S3, in sentences: in come what the client raises, out go errors of the house, each
with bucket, key, server and the way out. Called by `bucket.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tidemill.errors import Permanent, TidemillError, Transient

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS_OF_KIND = {
    "NotFoundError": 404,
    "FileNotFoundError": 404,
    "PermissionDeniedError": 403,
    "UnauthenticatedError": 401,
}
_DENIED = frozenset({401, 403})
_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Fault:
    """What the server said: its HTTP status (0: there was no answer) and the code in its answer."""

    status: int
    code: str
    cause: str

    @property
    def is_missing(self) -> bool:
        """The object is not there; the bucket is."""
        return self.status == 404 and self.code != "NoSuchBucket"

    @property
    def may_pass(self) -> bool:
        """Whether to ask again."""
        return self.status == 0 or self.status >= 500 or self.status in _AGAIN

    @property
    def said(self) -> str:
        """In a few words, without what the client adds for its own developers."""
        return " ".join(filter(None, (f"HTTP {self.status}" if self.status else self.cause, self.code)))


def fault_of(error: Exception) -> Fault:
    """What an error of the client means."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    number = int(status[1]) if status else _STATUS_OF_KIND.get(_kind(error), 0)
    first = text.partition("\n")[0]
    return Fault(number, code[1] if code else "", first.rpartition(" - ")[2][:200] or _kind(error))


def explain(fault: Fault, place: str, endpoint: str, tried_s: float) -> TidemillError:
    """The error of the house. `place` is `s3://bucket/key`."""
    where = f"{place} at {endpoint}"
    bucket = place.split("/")[2]
    if fault.code == "NoSuchBucket":
        return Permanent(
            f"the bucket {bucket} of the archive does not exist ({where}); create it, or correct archive.url,"
            " archive.endpoint or archive.region",
            reason="archive_bucket",
        )
    if fault.status in _DENIED:
        return Permanent(
            f"the server refused {where} ({fault.said}); check archive.access_key and archive.secret_key, this"
            " machine's clock, and that they may get, put, list and delete in the bucket",
            reason="archive_denied",
        )
    if fault.may_pass:
        return Transient(
            f"the archive cannot be reached: {where} ({fault.said}), tried for {tried_s:.0f} s; nothing stored is"
            " lost, and work goes on when the server answers again: check it and archive.endpoint",
            reason="archive_unavailable",
        )
    return Permanent(
        f"the server did not accept {where} ({fault.said}); check archive.region, archive.addressing and"
        " archive.encryption against what it offers",
        reason="archive_unavailable",
    )


def _kind(error: Exception) -> str:
    return type(error).__name__


def missing(place: str, endpoint: str, body_hash: str) -> Permanent:
    """No pack has the body."""
    return Permanent(
        f"the archive {place} at {endpoint} has no body {body_hash}; crawl the page again to bring it back",
        reason="archive_missing",
    )


def corrupt(place: str, why: str) -> Permanent:
    """The body is there, and not what its hash says."""
    return Permanent(
        f"the archived body {place} is damaged ({why}); crawl the page again to replace it", reason="archive_corrupt"
    )
