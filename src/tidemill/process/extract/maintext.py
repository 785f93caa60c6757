"""The text that a page is about, as plain text and as markdown, by one run of trafilatura.

Comes in: decoded HTML that the guard has passed; goes out: `MainText`. Called through `Page.main_text`.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from htmldate import find_date
from lxml.etree import strip_tags
from lxml.html import HtmlElement
from trafilatura import bare_extraction, html2txt, load_html
from trafilatura.settings import Document, Extractor
from trafilatura.xml import xmltotxt

from tidemill.errors import Permanent


@dataclass(frozen=True, slots=True)
class MainText:
    """`published_at` is htmldate's, looked for only if the page's metadata had none; midnight UTC of its day."""

    text: str
    markdown: str
    published_at: datetime | None = None


_NOTHING = MainText("", "")


def read_main_text(html: str, url: str, date_before: datetime | None) -> MainText:
    """The main text of `html`, and its date if `date_before` (when it was fetched) says to look for one.

    Comments of readers are left out. Raises `Permanent` (`nesting_too_deep`) if it nests too deeply for the extractor.
    """
    try:
        tree = load_html(html)
        if tree is None:
            return _NOTHING
        published_at = _find_date(tree, url, date_before) if date_before is not None else None
        text, markdown = _extract(tree, url)
    except RecursionError as error:
        raise Permanent(f"{url} nests too deeply to find its main text", reason="nesting_too_deep") from error
    return MainText(text, markdown, published_at)


def _extract(tree: HtmlElement, url: str) -> tuple[str, str]:
    options = Extractor(url=url, comments=False, formatting=True, links=True, images=False, tables=True)
    options.format = "markdown"  # Any but "python", which would render a text that is not wanted.
    document = bare_extraction(tree, options=options)
    if not isinstance(document, Document) or document.body is None:
        text = html2txt(tree)
        return text, text
    markdown = xmltotxt(document.body, True)
    plain = deepcopy(document.body)
    strip_tags(plain, "ref")
    return xmltotxt(plain, False), markdown


def _find_date(tree: HtmlElement, url: str, date_before: datetime) -> datetime | None:
    # htmldate takes today for its latest date; the day of the fetch makes the answer a function of the capture.
    latest = (date_before + timedelta(days=1)).strftime("%Y-%m-%d")
    found = find_date(tree, extensive_search=False, original_date=True, url=url or None, max_date=latest)
    return datetime.strptime(found, "%Y-%m-%d").replace(tzinfo=UTC) if found else None
