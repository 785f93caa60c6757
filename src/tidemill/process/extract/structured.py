"""The documents that a page declares in JSON-LD: today its events, one draft each.

Comes in: an HTML page; goes out: drafts of kind `event`. Called by the pipeline. What JSON-LD says of
the page itself is read by `metadata` and used by `article`.
"""

from __future__ import annotations

from dataclasses import replace

from tidemill.models.document import Draft
from tidemill.process.extract.events import read_events, shows_only_events
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import HTML, handles


@handles(*HTML)
def extract_structured(page: Page) -> tuple[Draft, ...]:
    """The events of the page. If it is the page of one event, that event's content is the page's main text."""
    events = read_events(page)
    if len(events) != 1 or not shows_only_events(page, events) or not page.main_text.text.strip():
        return events
    only, main = events[0], page.main_text
    provenance = {**only.provenance, "content": "trafilatura", "markdown": "trafilatura"}
    own = replace(only, content=main.text, markdown=main.markdown, provenance=provenance)
    return (replace(own, language=own.language or page.metadata.language),)
