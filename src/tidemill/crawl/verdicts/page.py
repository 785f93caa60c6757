"""What a verdict looks at: the few facts of a page that tell a wall from content.

Filled by `reading`; looked at by every kind of verdict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Page:
    """Facts of one answered page; all text is folded (lower case, single spaces, plain apostrophes).

    `lead` is the start of the main text with its links and without `headings`; `prose_chars` how much of the main text
    stands outside links; `all_chars` counts the visible text with links and furniture. `fields` counts inputs that a
    reader fills in, outside of furniture. `names` are the classes and ids of `html` and `body`.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    markup: str
    title: str = ""
    title_parts: tuple[str, ...] = ()
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

    @property
    def is_wordy(self) -> bool:
        """So much text that only a page whose title or heading names a wall is looked at further."""
        return self.prose_chars > WORDY_CHARS

    def finds(self, pattern: re.Pattern[str], end: int = WORDY_CHARS) -> re.Match[str] | None:
        """What the text says within its first `end` characters, else what the headings say."""
        return pattern.search(self.lead, 0, end) or pattern.search(" ".join(self.headings))

    @property
    def is_alone(self) -> bool:
        """Hardly anything but one message: no menu, no footer, a few links at most."""
        return self.all_chars < _ALONE_CHARS and self.furniture_chars < _ALONE_FURNITURE and self.links <= _ALONE_LINKS

    @property
    def is_bare(self) -> bool:
        """Little text and few links: as bot protection looks, which knows nothing of the site."""
        return self.prose_chars <= BARE_CHARS and self.links <= _BARE_LINKS
