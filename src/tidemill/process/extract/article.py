"""The page's own document: its main text with what the page says of itself.

Comes in: an HTML page; goes out: one draft of kind `article`, or none if the page only shows events. Called by the
pipeline.
"""

from __future__ import annotations

from datetime import datetime

from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.bylines import find_shown_author
from tidemill.process.extract.choices import MAX_DISAGREEMENTS, Candidate, disagreements, ranked
from tidemill.process.extract.events import read_events, shows_only_events
from tidemill.process.extract.maintext import ORIGIN
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import HTML, handles
from tidemill.process.extract.times import ZONE_ASSUMED


@handles(*HTML)
def extract_article(page: Page) -> tuple[Draft, ...]:
    """The page as an article. What the page declares goes before what is found by looking at it."""
    if shows_only_events(page, read_events(page)):
        return ()
    said, main = page.metadata, page.main_text
    provenance = {**said.provenance, "content": ORIGIN, "markdown": ORIGIN}
    if "description" in provenance:
        provenance["summary"] = provenance.pop("description")
    others: list[dict[str, Json]] = list(said.disagreements)
    published = _chosen(page, "published_at", page.dates.published, provenance, others)
    modified = _chosen(page, "modified_at", _not_before(page.dates.modified, published), provenance, others)
    author = said.author or _shown_author(page, provenance)
    zone_flags = (ZONE_ASSUMED,) if page.dates.zone_assumed else ()
    return (
        Draft(
            kind="article",
            title=said.title or "",
            author=author,
            published_at=published,
            modified_at=modified,
            language=said.language,
            content=main.text,
            markdown=main.markdown,
            summary=said.description,
            canonical_url=said.canonical_url,
            site_name=said.site_name,
            image_url=said.image_url,
            tags=said.tags,
            provenance=provenance,
            disagreements=tuple(others[:MAX_DISAGREEMENTS]),
            flags=(*page.charset_flags, *zone_flags),
        ),
    )


def _chosen(
    page: Page,
    name: str,
    candidates: list[Candidate[datetime]],
    provenance: dict[str, str],
    others: list[dict[str, Json]],
) -> datetime | None:
    """The time that stands, noted with its origin; what others say is added to `others`."""
    if not candidates:
        return None
    first, *rest = ranked(name, candidates, page.rules.prefer)
    provenance[name] = first.origin
    others += disagreements(name, [first, *rest])
    return first.value


def _not_before(modified: list[Candidate[datetime]], published: datetime | None) -> list[Candidate[datetime]]:
    """A page is not changed before it is published: such a date is a mistake of its template."""
    return [one for one in modified if published is None or one.value >= published]


def _shown_author(page: Page, provenance: dict[str, str]) -> str | None:
    author = find_shown_author(page.blocks, page.measures, page.metadata.title or "")
    if author is not None:
        provenance["author"] = origin("byline", "1", "near title")
    return author
