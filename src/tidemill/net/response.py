"""What comes back from a request: status, cleaned headers, decoded body.

Raw headers of aiohttp come in, a `Response` goes out. Used by the client; read by crawl and deliver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote_from_bytes

from multidict import CIMultiDict, CIMultiDictProxy

from tidemill.errors import Permanent

_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_PER_HEADER = 4  # ": " and the end of the line
_HOLDS_URL = frozenset((b"location", b"content-location", b"refresh", b"link"))


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of a server.

    `url` is the URL as it was requested. `headers` are looked up in any case; `getall` of a header sent twice gives
    both. `media_type` is in lower case and without parameters, `""` if the server named none. `body` is free of
    content encodings; `received_bytes` counts it as it came over the wire. `elapsed_s` is from the request to the
    last byte, without the wait for a free slot. `body_read` is False if `body` is not the whole body: because it was
    not wanted, or because it is an error page cut at 64 KiB. `fetched_at` is set if the answer is a replay of an
    earlier one; `screenshot` is a PNG image of the page, if a browser made one.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    content_type: str
    media_type: str
    body: bytes
    received_bytes: int
    elapsed_s: float
    body_read: bool
    fetched_at: datetime | None = None
    screenshot: bytes | None = None


def clean_headers(
    raw: Iterable[tuple[bytes, bytes]], parsed: CIMultiDictProxy[str], max_bytes: int
) -> CIMultiDictProxy[str]:
    """Give the headers as text that can be stored; `parsed` itself if all of it is ASCII.

    Raises `Permanent` (`headers_too_large`) above `max_bytes` in all.
    """
    size, plain = 0, True
    for name, value in raw:
        size += len(name) + len(value) + _PER_HEADER
        if not (value.isascii() and name.isascii()):
            plain = False
    if size > max_bytes:
        raise Permanent(
            f"the response headers take {size} bytes, more than the {max_bytes} of net.max_header_bytes",
            reason="headers_too_large",
        )
    if plain:
        return parsed
    return CIMultiDictProxy(CIMultiDict((name.decode("latin-1"), _text(name, value)) for name, value in raw))


def _text(name: bytes, value: bytes) -> str:
    # A redirect to raw Latin-1 bytes must go to these bytes, not to their UTF-8 form.
    if name.lower() in _HOLDS_URL:
        return quote_from_bytes(value, safe=_ASCII + " ")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
