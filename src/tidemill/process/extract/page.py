"""A page as extractors see it: the capture, its bytes, and what is read of them when first asked for.

Made by the pipeline for one capture and forgotten with it; extractors share what one of them has already read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin

from tidemill.errors import Permanent
from tidemill.markup import LexborHTMLParser, decode, parse_html
from tidemill.models.capture import Capture
from tidemill.process.extract.maintext import MainText, read_main_text
from tidemill.process.extract.metadata import Metadata, read_metadata

_BINARY_SHARE = 0.01


@dataclass(frozen=True)
class Page:
    """One capture with its body. Frozen, but not slotted: the lazily read properties need a place."""

    capture: Capture
    body: bytes

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
        return _join(self.url, (base.attributes.get("href") if base else None) or "")

    @cached_property
    def metadata(self) -> Metadata:
        """What the page says of itself in JSON-LD, OpenGraph and meta tags."""
        return read_metadata(self.tree, self.url, self.base_url)

    @cached_property
    def main_text(self) -> MainText:
        """The text that the page is about, without navigation and the like."""
        _ = self.tree  # The guard of the one parser protects the other.
        known_date = self.metadata.published_at is not None
        return read_main_text(self.text, self.url, None if known_date else self.capture.fetched_at)

    @cached_property
    def _decoded(self) -> tuple[str, tuple[str, ...]]:
        text, flags = decode(self.body, self.capture.content_type)
        if text.count("\x00") > _BINARY_SHARE * len(text):
            raise Permanent(
                f"{self.url} is declared as {self.capture.content_type!r} but is not text", reason="undecodable"
            )
        return text, flags


def _join(base: str, link: str) -> str:
    try:
        return urljoin(base, link.strip())
    except ValueError:
        return base
