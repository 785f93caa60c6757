"""An article as its markup describes it. The page's own is read from its text, too: see `extract.article`.

Comes in: an `Article` (schema.org); goes out: a `Reading` with its values. Called by `structured`.
"""

from __future__ import annotations

from tidemill.process.extract.typed.reading import Reading
from tidemill.process.extract.typed.values import line_of


def read_article(reading: Reading) -> None:
    """Puts the values of an article."""
    reading.text("title", "headline", "name")
    reading.author("author", "creator")
    reading.time("published_at", "datePublished")
    reading.time("modified_at", "dateModified")
    reading.image("image", "thumbnailUrl")
    reading.tag("keywords")
    reading.describe("articleBody", "text")
    reading.first("section", line_of, "articleSection")
    reading.url("url", "url")
