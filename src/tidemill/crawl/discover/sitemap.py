"""Sitemaps (sitemaps.org protocol 0.9): XML, XML index, plain text; gzipped or not."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from tidemill.crawl.discover.xml import elements
from tidemill.errors import Permanent

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The URLs of pages and of further sitemaps, as they are written there."""

    pages: tuple[str, ...]
    sitemaps: tuple[str, ...]


def read_sitemap(body: bytes, *, max_bytes: int) -> Sitemap:
    """What a sitemap lists. Raises `Permanent`: `bad_xml`, or `too_large` if it inflates beyond `max_bytes`."""
    if body[:2] == _GZIP:
        body = _inflate(body, max_bytes)
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text.startswith(b"<"):
        lines = (line.strip() for line in text.decode("utf-8", "replace").splitlines())
        return Sitemap(pages=tuple(line for line in lines if line.startswith("http")), sitemaps=())
    pages: list[str] = []
    sitemaps: list[str] = []
    for name, element in elements(text):
        if name == "loc" and element.text:
            parent = element.getparent()
            kind = parent.tag.rpartition("}")[2].lower() if parent is not None else ""
            found = sitemaps if kind == "sitemap" else pages if kind == "url" else []
            found.append(element.text.strip())
        elif name in {"url", "sitemap"}:
            element.clear()
    return Sitemap(pages=tuple(pages), sitemaps=tuple(sitemaps))


def _inflate(body: bytes, max_bytes: int) -> bytes:
    """A gzip file of one or more members (RFC 1952); what follows the last one is ignored."""
    inflated = b""
    while body[:2] == _GZIP and len(inflated) <= max_bytes:
        decoder = zlib.decompressobj(wbits=31)
        try:
            inflated += decoder.decompress(body, max_bytes + 1 - len(inflated))
        except zlib.error as error:
            raise Permanent(f"the sitemap is no readable gzip file: {error}", reason="bad_encoding") from error
        body = decoder.unused_data
    if len(inflated) > max_bytes:
        raise Permanent(f"the sitemap inflates to more than {max_bytes} bytes", reason="too_large")
    return inflated
