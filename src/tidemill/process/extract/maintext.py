"""The text that a page is about, as plain text and as markdown, by one run of trafilatura.

Comes in: decoded HTML that the guard has passed; goes out: `MainText`. Called through `Page.main_text`. Pages on which
trafilatura finds nothing, or so little that it gives up their structure, are asked once more in another way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

from htmldate import find_date
from lxml.etree import strip_elements, strip_tags
from lxml.html import HtmlElement
from trafilatura import bare_extraction, load_html
from trafilatura.settings import Document, Extractor
from trafilatura.xml import xmltotxt

from tidemill.errors import Permanent

_SHORT_CHARS = 250  # Below this trafilatura falls back to bare strings, each text node on a line of its own.
_KEPT_SHARE = 0.6
_NOT_CONTENT = ("nav", "footer", "aside", "form", "script", "style", "noscript", "template", "svg", "head")
_ABSOLUTE = ("http://", "https://", "mailto:")
PERMALINKS = frozenset("¶#§🔗⚓")
_INLINE = frozenset((
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class MainText:
    """`published_at` is htmldate's, looked for only if it was asked for; midnight UTC of its day."""

    text: str
    markdown: str
    published_at: datetime | None = None


def read_main_text(html: str, normalised: Callable[[], str], url: str, date_before: datetime | None) -> MainText:
    """The main text of `html`, and its date if `date_before` (when it was fetched) says to look for one.

    `normalised` gives the same page with all its tags, for markup that trafilatura does not take for a page. Comments
    of readers are left out. Raises `Permanent` (`nesting_too_deep`) if it nests too deeply for the extractor.
    """
    try:
        tree = load_html(html)
        if tree is None and (tree := load_html(normalised())) is None:
            return MainText("", "")
        published_at = _find_date(tree, url, date_before) if date_before is not None else None
        _prepare(tree, url)
        text, markdown = _extract(tree, url)
    except RecursionError as error:
        raise Permanent(f"{url} nests too deeply to find its main text", reason="nesting_too_deep") from error
    return MainText(text, markdown, published_at)


def _prepare(tree: HtmlElement, url: str) -> None:
    """Links lead where they lead from this page, and the marks by which headings link to themselves are gone."""
    for anchor in list(tree.iter("a")):
        href = anchor.get("href", "").strip()
        if href.startswith("#") and anchor.text_content().strip() in PERMALINKS:
            anchor.drop_tree()
        elif url and href and not href.startswith(_ABSOLUTE):
            with suppress(ValueError):  # what is no URL stays as it is
                anchor.set("href", urljoin(url, href))


def _extract(tree: HtmlElement, url: str) -> tuple[str, str]:
    text, markdown = _run(tree, _options(url))
    if not text.strip():
        text, markdown = _run(tree, _options(url, recall=True))
    elif len(text) < _SHORT_CHARS:
        options = _options(url)
        options.min_extracted_size = 1
        shaped = _run(tree, options)
        if len(shaped[0].split()) >= _KEPT_SHARE * len(text.split()):
            return shaped
    if not text.strip():
        text = markdown = _visible_text(tree)
    return text, markdown


def _options(url: str, *, recall: bool = False) -> Extractor:
    options = Extractor(url=url, comments=False, formatting=True, links=True, images=False, tables=True, recall=recall)
    options.format = "markdown"  # Any but "python", which would render a text that is not wanted.
    return options


def _run(tree: HtmlElement, options: Extractor) -> tuple[str, str]:
    """Both renderings of one extraction; the plain one without the targets of links."""
    document = bare_extraction(tree, options=options)
    if not isinstance(document, Document) or document.body is None:
        return "", ""
    plain = deepcopy(document.body)
    strip_tags(plain, "ref")
    return xmltotxt(plain, False), xmltotxt(document.body, True)


def _visible_text(tree: HtmlElement) -> str:
    """All that a reader sees beside navigation and forms, each block on a line of its own."""
    visible = deepcopy(tree)
    strip_elements(visible, *_NOT_CONTENT, with_tail=False)
    for element in visible.iter():
        if element.tag not in _INLINE:
            element.text = f"\n{element.text or ''}"
            element.tail = f"\n{element.tail or ''}"
    lines = (" ".join(line.split()) for line in visible.text_content().split("\n"))
    return "\n".join(line for line in lines if line)


def _find_date(tree: HtmlElement, url: str, date_before: datetime) -> datetime | None:
    # htmldate takes today for its latest date; the day of the fetch makes the answer a function of the capture.
    latest = (date_before + timedelta(days=1)).strftime("%Y-%m-%d")
    found = find_date(tree, extensive_search=False, original_date=True, url=url or None, max_date=latest)
    return datetime.strptime(found, "%Y-%m-%d").replace(tzinfo=UTC) if found else None
