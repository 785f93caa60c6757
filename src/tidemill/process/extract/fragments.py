"""Texts that may be HTML: told from plain ones, and read as plain text or as markdown.

Comes in: a text of an API, a calendar or a selected element; goes out: what a reader sees of it. Called by the readers
of items, calendars and selected values.
"""

from __future__ import annotations

import re

from tidemill.markup import parse_html
from tidemill.markup.references import unescape
from tidemill.process.extract.links import web_url
from tidemill.process.extract.maintext import read_fragment
from tidemill.process.extract.text import as_markdown
from tidemill.process.extract.visible import text_of_node

_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_TAG = re.compile(
    r"</?(?:a|abbr|article|b|blockquote|body|br|center|code|div|dl|em|figure|font|h[1-6]|hr|html|i|img|li|main|ol|p|pre"
    r"|s|section|small|span|strong|sub|sup|table|tbody|td|th|tr|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_LINK = re.compile(r"\s(?:href|src)\s*=", re.IGNORECASE)


def is_html(text: str) -> bool:
    """Whether a text that may be either is HTML: it holds a tag that HTML has."""
    return _TAG.search(text) is not None


def plain_text(text: str) -> str:
    """A text that may be HTML as a reader sees it, each block on a line of its own.

    Raises `Permanent` if its markup would hang a parser.
    """
    if not is_html(text):
        return unescape(text) if _ENTITY.search(text) else text
    return text_of_markup(text)


def text_of_markup(markup: str) -> str:
    """HTML as a reader sees it, each block on a line of its own. Raises `Permanent` if it would hang a parser."""
    body = parse_html(markup).body
    return text_of_node(body) if body is not None else ""


def with_absolute_links(markup: str, base_url: str) -> str:
    """HTML whose links and images lead where they lead from the page it is from."""
    if not _LINK.search(markup):
        return markup
    tree = parse_html(markup)
    for node in tree.css("[href], [src]"):
        for name in ("href", "src"):
            link = node.attributes.get(name)
            if link and (absolute := web_url(base_url, link)):
                node.attrs[name] = absolute
    return (tree.body.inner_html or "") if tree.body is not None else ""


def rich_text(text: str, url: str) -> tuple[str, str]:
    """A text that may be HTML, plain and as markdown. Raises `Permanent` if its markup would hang a parser."""
    if is_html(text):
        shown = read_fragment(text, url)
        return shown.text, shown.markdown
    plain = plain_text(text)
    return plain, as_markdown(plain)
