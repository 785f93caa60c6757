"""What a page calls itself: its title and headings against the words of one kind of verdict.

A `Page` and words come in, evidence goes out. Used by every kind of verdict.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidemill.crawl.verdicts.evidence import Evidence
from tidemill.crawl.verdicts.page import Page
from tidemill.crawl.verdicts.text import Words

_SAME_AGAIN = 0.2


def named(page: Page, kind: str, words: Words, *, title: float, heading: float) -> Iterator[Evidence]:
    """Evidence if a part of the title, or of a heading, is nothing but such a name.

    `title` and `heading` are the weights; a heading that only repeats the title adds little, for films and bands bear
    such names too.
    """
    if not (page.may_bear_name and words.may_be_in(page.called)):
        return
    pattern = words.pattern
    part = next((part for part in page.title_parts if pattern.fullmatch(part)), None)
    if part is not None:
        yield Evidence(kind, title, f"title: {part[:60]}")
    for parts in page.heading_parts:
        found = next((each for each in parts if pattern.fullmatch(each)), None)
        if found is not None:
            yield Evidence(kind, _SAME_AGAIN if found == part else heading, f"heading: {found[:60]}")
            return
