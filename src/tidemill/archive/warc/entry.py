"""One captured response as it goes into a WARC file and comes out of one, and the rules both directions share.

What is written by `write` comes back from `read` unchanged, but for headers: those are put as `decoded_headers` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

Headers = tuple[tuple[str, str], ...]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f<>]")
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?)?)?", re.ASCII
)
_OF_THE_TRANSFER = frozenset({"content-encoding", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class WarcEntry:
    """A response: `body` is without transfer and content encoding, `fetched_at` is aware and kept to the microsecond.

    `capture_id` is a UUID in canonical form; read from another tool's file it is that of the WARC-Record-ID, or derived
    from it. `truncated` says why the body is not whole (`length`, `time`, `disconnect`, `unspecified`; `""`: it is).
    `notes` (our ledger's outcome and the like) are written as a `metadata` record and not read back.
    """

    url: str
    fetched_at: datetime
    status_code: int
    headers: Headers
    body: bytes
    capture_id: str
    reason_phrase: str = ""
    ip_address: str = ""
    truncated: str = ""
    notes: Headers = ()


def decoded_headers(headers: Iterable[tuple[str, str]], size_bytes: int) -> Headers:
    """The headers that fit a decoded body of `size_bytes`: no encodings, and a Content-Length, if any, that is true.

    Control characters become spaces; a name that is no RFC 9110 token is left out, since no reader would find it.
    """
    kept: list[tuple[str, str]] = []
    lengths = 0
    for name, value in headers:
        lower = name.lower()
        if lower in _OF_THE_TRANSFER or not _TOKEN.fullmatch(name):
            continue
        if lower == "content-length":
            lengths += 1
            if lengths == 1:
                kept.append((name, str(size_bytes)))
            continue
        kept.append((name, one_line(value)))
    return tuple(kept)


def one_line(text: str) -> str:
    """Text that cannot end the line it is written on, nor begin another."""
    return _CONTROLS.sub(" ", text).strip(" \t")


def safe_url(url: str) -> str:
    """The URL with white space, control characters and angle brackets percent-encoded, so that it stays one word."""
    return _NOT_IN_URLS.sub(lambda match: f"%{ord(match[0]):02X}", url)


def warc_date(moment: datetime) -> str:
    """A WARC-Date with microseconds. Raises `ValueError` for a time without zone."""
    if moment.tzinfo is None:
        raise ValueError(f"the time {moment} has no zone; give an aware datetime")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_warc_date(text: str) -> datetime | None:
    """The time of a WARC-Date in any precision that W3C-DTF allows (no zone means UTC), or nothing."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micros = ((fraction or "") + "000000")[:6]
    full = f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}.{micros}"
    try:
        return datetime.fromisoformat(full + (zone or "Z")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
