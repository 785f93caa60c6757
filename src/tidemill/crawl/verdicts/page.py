"""What a verdict looks at: the few facts of a page that tell a wall from content.

Filled by `reading`; looked at by every kind of verdict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tidemill.crawl.verdicts.names import NAMES
from tidemill.crawl.verdicts.text import Words, segments

PLENTY_CHARS = 2_500
"""Text outside links and page furniture that no wall has: what they say about themselves ends below 2,000 characters,
and teasers under a "not found" are mostly links."""

WORDY_CHARS = 1_200
BARE_CHARS = 1_500
SCANNED_CHARS = 32_768
_BARE_LINKS = 30
_ALONE_CHARS = 1_200
_ALONE_FURNITURE = 150
_ALONE_LINKS = 12


@dataclass
class Page:
    """Facts of one answered page; all text is folded (lower case, single spaces, plain apostrophes).

    `lead` is the start of the main text with its links and without `headings`; `prose_chars` how much of the main text
    stands outside links; `all_chars` counts the visible text with links and furniture. `fields` counts inputs that a
    reader fills in, outside of furniture. `names` are the classes and ids of `html` and `body`. Nobody asks for
    verdicts that are less sure than `least`, so what cannot come to that need not be looked for. Whatever takes time to
    find out is found out when it is first asked for; `headings` must not change from then on.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    markup: str
    least: float = 0.0
    title: str = ""
    headings: list[str] = field(default_factory=list)
    lead: str = ""
    buttons: str = ""
    names: str = ""
    prose_chars: int = 0
    all_chars: int = 0
    furniture_chars: int = 0
    passwords: int = 0
    fields: int = 0
    text_areas: int = 0
    links: int = 0
    is_article: bool = False
    is_noindex: bool = False
    refresh: str = ""

    @cached_property
    def title_parts(self) -> tuple[str, ...]:
        """The title, and each part of it."""
        return segments(self.title)

    @cached_property
    def heading_parts(self) -> list[tuple[str, ...]]:
        """Each heading and its parts."""
        return [segments(heading) for heading in self.headings]

    @cached_property
    def heading_text(self) -> str:
        """All headings in one."""
        return " ".join(self.headings)

    @cached_property
    def called(self) -> str:
        """Title and headings in one: what the page calls itself."""
        return f"{self.title}\n{self.heading_text}"

    @cached_property
    def may_bear_name(self) -> bool:
        """False only if neither title nor headings hold any name of a wall or a hole."""
        return NAMES.may_be_in(self.called)

    @cached_property
    def scanned(self) -> bytes:
        """The start of the markup with its ASCII letters in lower case: where marks are looked for."""
        return self.markup[:SCANNED_CHARS].encode("utf-8", "replace").lower()

    @property
    def is_wordy(self) -> bool:
        """So much text that only a page whose title or heading names a wall is looked at further."""
        return self.prose_chars > WORDY_CHARS

    @cached_property
    def spoken(self) -> str:
        """Text and headings in one: what the page says."""
        return f"{self.lead}\n{self.heading_text}"

    def finds(self, words: Words, end: int = WORDY_CHARS) -> re.Match[str] | None:
        """What the text says within its first `end` characters, else what the headings say."""
        if not words.may_be_in(self.spoken):
            return None
        return words.pattern.search(self.lead, 0, end) or words.pattern.search(self.heading_text)

    @property
    def is_alone(self) -> bool:
        """Hardly anything but one message: no menu, no footer, a few links at most."""
        return self.all_chars < _ALONE_CHARS and self.furniture_chars < _ALONE_FURNITURE and self.links <= _ALONE_LINKS

    @property
    def is_bare(self) -> bool:
        """Little text and few links: as bot protection looks, which knows nothing of the site."""
        return self.prose_chars <= BARE_CHARS and self.links <= _BARE_LINKS
