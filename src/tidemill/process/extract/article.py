"""The page's own document: its main text with what the page says of itself.

Comes in: an HTML page; goes out: one draft of kind `article`, or none if the page only shows events. Called by the
pipeline.
"""

from __future__ import annotations

from datetime import datetime

from tidemill.models.document import Draft
from tidemill.process.extract.events import read_events, shows_only_events
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import HTML, handles


@handles(*HTML)
def extract_article(page: Page) -> tuple[Draft, ...]:
    """The page as an article. What the page declares goes before what is found by looking at it."""
    said = page.metadata
    if shows_only_events(page, read_events(page)):
        return ()
    main = page.main_text
    provenance = {**said.provenance, "content": "trafilatura", "markdown": "trafilatura"}
    if said.published_at is None and main.published_at is not None:
        provenance["published_at"] = "htmldate"
    return (
        Draft(
            kind="article",
            title=said.title or "",
            author=said.author,
            published_at=said.published_at or main.published_at,
            modified_at=_not_before(said.modified_at, said.published_at),
            language=said.language,
            content=main.text,
            markdown=main.markdown,
            summary=said.description,
            canonical_url=said.canonical_url,
            site_name=said.site_name,
            image_url=said.image_url,
            tags=said.tags,
            provenance=provenance,
            flags=(*page.charset_flags, *said.flags),
        ),
    )


def _not_before(modified_at: datetime | None, published_at: datetime | None) -> datetime | None:
    """A page is not changed before it is published: such a date is a mistake of its template."""
    if modified_at is not None and published_at is not None and modified_at < published_at:
        return None
    return modified_at
