"""Headers for a stranger's bytes: saved and never shown, run or guessed at by a browser."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from email.utils import format_datetime

from tidemill.manage.captures import RawCapture

_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_MEDIA_TYPE = re.compile(r"[a-zA-Z0-9!#$&^_.+-]{1,100}/[a-zA-Z0-9!#$&^_.+-]{1,100}\Z")
_CONTENT_TYPE = re.compile(r"[\x20-\x7e]{1,200}\Z")


def raw_headers(raw: RawCapture, name: str) -> Iterator[tuple[str, str]]:
    """Those of a capture that is downloaded as `name`. Its own headers were written by the site, and are not sent."""
    media_type = raw.media_type if _MEDIA_TYPE.match(raw.media_type) else "application/octet-stream"
    fits = _CONTENT_TYPE.match(raw.content_type) and raw.content_type.lower().startswith(media_type.lower())
    yield "content-type", raw.content_type if fits else media_type
    yield "content-disposition", f'attachment; filename="{name}{mimetypes.guess_extension(media_type) or ".bin"}"'
    yield "content-security-policy", _SANDBOX
    yield "x-content-type-options", "nosniff"
    yield "etag", f'"{raw.body_hash}"'
    yield "memento-datetime", format_datetime(raw.fetched_at, usegmt=True)
