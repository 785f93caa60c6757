"""A page as extractors see it: the capture, its bytes, and what is read of them when first asked for.

Made by the pipeline for one capture and forgotten with it; extractors share what one of them has already read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from tidemill.errors import Permanent
from tidemill.markup import LexborHTMLParser, decode, parse_html
from tidemill.models.capture import Capture
from tidemill.models.source import ProcessRules
from tidemill.models.url import MAX_URL_LENGTH
from tidemill.process.extract.blocks import Blocks, read_blocks
from tidemill.process.extract.dates import DateFinder, Dates, Reader
from tidemill.process.extract.maintext import MainText, find_main_text
from tidemill.process.extract.measures import Measures
from tidemill.process.extract.metadata import ARTICLE_TYPES, Metadata, read_metadata
from tidemill.process.extract.times import zone_of
from tidemill.process.mojibake import MOJIBAKE, repair_markup

_BINARY_SHARE = 0.01
_BINARY_WINDOW = 65_536
_ARTICLE_PATH = re.compile(
    r"/(?:19|20)\d\d/\d\d?/|/(?:blogs?|news|articles?|posts?|story|stories)/[^?#]*\w-\w|"
    r"/[^/?#]*(?:-[^/?#-]+){3}[^/?#]*/?(?:[?#]|$)"
)


@dataclass(frozen=True)
class Page:
    """One capture with its body. Frozen, but not slotted: the lazily read properties need a place."""

    capture: Capture
    body: bytes
    rules: ProcessRules = field(default_factory=ProcessRules)

    @property
    def url(self) -> str:
        """Where it was fetched."""
        return self.capture.url

    @property
    def media_type(self) -> str:
        """`text/html` and the like: lower case, no parameters."""
        return self.capture.media_type

    @property
    def text(self) -> str:
        """The decoded body. Raises `Permanent` (`undecodable`) if it is no text at all."""
        return self._decoded[0]

    @property
    def charset_flags(self) -> tuple[str, ...]:
        """`("charset_misdeclared",)` if what the site declared does not fit its bytes."""
        return self._decoded[1]

    @cached_property
    def tree(self) -> LexborHTMLParser:
        """The HTML tree. Raises `Permanent` if the markup would hang a parser."""
        return parse_html(self.text)

    @cached_property
    def base_url(self) -> str:
        """What relative links are relative to."""
        base = self.tree.css_first("base[href]")
        declared = (base.attributes.get("href") if base else None) or ""
        return _join(self.url, declared if len(declared) <= MAX_URL_LENGTH else "")

    @cached_property
    def metadata(self) -> Metadata:
        """What the page says of itself in JSON-LD, OpenGraph and meta tags."""
        return read_metadata(self.tree, self.url, self.base_url, self.rules.prefer)

    @cached_property
    def blocks(self) -> Blocks:
        """All that the page shows, block by block."""
        return read_blocks(self.tree.body)

    @cached_property
    def measures(self) -> Measures:
        """Sums over the blocks."""
        return Measures(self.blocks)

    @cached_property
    def main_text(self) -> MainText:
        """The text that the page is about, without navigation and the like."""
        said = self.metadata
        is_article = said.is_article and not said.is_discussion
        return find_main_text(self.blocks, self.measures, self.base_url, is_article=is_article)

    @cached_property
    def dates(self) -> Dates:
        """When the page was published and changed. What it only shows is read if it declares nothing."""
        said = self.metadata
        finder = DateFinder(Reader(zone_of(self.rules), self.capture.fetched_at, said.locale))
        if _is_front_page(self.url):
            return finder.found()
        finder.add_declared(
            said.head, said.own, said.own_type, is_text=said.own_type in ARTICLE_TYPES or bool(said.author)
        )
        if not finder.is_sure:
            is_text = said.is_article or said.author is not None or _is_named_page(self.url)
            finder.add_url(self.url)
            finder.add_shown(
                self.blocks, self.measures, said.title or "", is_text=is_text, is_discussion=said.is_discussion
            )
        return finder.found()

    @cached_property
    def _decoded(self) -> tuple[str, tuple[str, ...]]:
        text, flags = decode(self.body, self.capture.content_type)
        if self.media_type != "text/plain":
            text, flags = _with_repaired_text(text, self.body, flags)
        head = text[:_BINARY_WINDOW]
        if head.count("\x00") > _BINARY_SHARE * len(head):
            raise Permanent(
                f"{self.url} is declared as {self.capture.content_type!r} but is not text", reason="undecodable"
            )
        return text, flags


def _with_repaired_text(markup: str, body: bytes, flags: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Mojibake is repaired before anything reads the page: extractors drop control characters that belong to it."""
    repaired = repair_markup(markup, body)
    return repaired, flags if repaired == markup else (*flags, MOJIBAKE)


def _is_named_page(url: str) -> bool:
    """Whether the URL looks like that of one article (`/2026/05/…`, `/blog/…`, `/a-title-of-words`)."""
    return _ARTICLE_PATH.search(url) is not None


def _is_front_page(url: str) -> bool:
    """Whether the URL is a site's first page, which is not published once: the dates there are those of other pages."""
    parts = urlsplit(url)
    return bool(parts.netloc) and not parts.path.strip("/") and not parts.query


def _join(base: str, link: str) -> str:
    try:
        return urljoin(base, link.strip())
    except ValueError:
        return base
