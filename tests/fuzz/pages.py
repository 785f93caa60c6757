"""Targets that read a page and make documents of it: HTML, its parts, feeds, calendars, PDF, text, JSON.

Bytes come in; a broken law is an `AssertionError`, any other exception a finding. Called by `targets`.
"""

from __future__ import annotations

from contextlib import suppress

from tests.fuzz.laws import OURS, URL, check_draft, check_page, check_text, parts, text_of

from tidemill.errors import Permanent
from tidemill.markup import guard, parse_html
from tidemill.markup.characters import normalize
from tidemill.markup.safe_html import safe_html
from tidemill.models.document import Draft
from tidemill.models.source import FIELD_TYPES, FieldRule, ItemsRule, ProcessRules
from tidemill.process.extract.elements import css_fault, xpath_fault
from tidemill.process.extract.fragments import plain_text, rich_text, with_absolute_links
from tidemill.process.extract.head import read_head
from tidemill.process.extract.jsonld import ItemStore
from tidemill.process.extract.metadata import read_metadata
from tidemill.process.extract.microdata import read_microdata, read_rdfa
from tidemill.process.extract.paths import is_path
from tidemill.process.extract.transforms import parse_transform
from tidemill.process.llm.answer import check, fill
from tidemill.process.llm.question import Question
from tidemill.process.mojibake import repair
from tidemill.process.steps.markdown import make_safe

_MOST_RULE_CHARS = 200
_BY_TYPES = ("application/rss+xml", "application/feed+json")


def page(data: bytes) -> None:
    """A whole HTML page, in UTF-8 or whatever it says."""
    check_page(data)


def fragment(data: bytes) -> None:
    """Texts that may be HTML, as feeds, APIs and calendars hold them."""
    text = text_of(data)
    for read in (plain_text, lambda given: rich_text(given, URL), lambda given: with_absolute_links(given, URL)):
        with suppress(Permanent):
            read(text)


def markup(data: bytes) -> None:
    """What the guard lets pass is parsed in time, and walking through it ends."""
    with suppress(Permanent):
        guard.check(text_of(data))
        body = parse_html(text_of(data)).body
        assert body is None or body.text() is not None


def head(data: bytes) -> None:
    """What a page says of itself."""
    try:
        tree = parse_html(b"<html><head>" + data + b"</head><body><h1>The mill</h1>")
    except Permanent:
        return
    read_head(tree)
    said = read_metadata(tree, URL, URL, {})
    for text in (said.title, said.author):
        assert text is None or text.strip()


def jsonld(data: bytes) -> None:
    """A block of JSON-LD, alone and in its page."""
    items = list(ItemStore([text_of(data)]).walk())
    assert len(items) <= len(data) + 1
    check_page(b'<title>Mill</title><script type="application/ld+json">' + data + b"</script><p>The mill turns.")


def microdata(data: bytes) -> None:
    """Microdata and RDFa, alone and in their page."""
    with suppress(Permanent):
        tree = parse_html(data, "text/html; charset=utf-8")
        list(ItemStore((), (*read_microdata(tree), *read_rdfa(tree))).walk())
    check_page(data, "text/html; charset=utf-8")


def selectors(data: bytes) -> None:
    """Rules that a source may have, over a page: `css|xpath|path`, type and transform; the items; the page."""
    rule_line, items_line, body = parts(data, 3)
    way, expression, kind, transform = (*rule_line.split("\t"), "", "", "", "")[:4]
    rules = _rules(way, expression[:_MOST_RULE_CHARS], kind, transform[:_MOST_RULE_CHARS], items_line)
    if rules is not None:
        media_type = "application/json" if way == "path" else "text/html"
        check_page(body.encode("latin-1"), media_type, rules)


def _rules(way: str, expression: str, kind: str, transform: str, items: str) -> ProcessRules | None:
    """`None` for what a source is refused for, so that no page is ever read by it."""
    faults = {"css": css_fault, "xpath": xpath_fault, "path": lambda text: None if is_path(text) else "no path"}
    items = items[:_MOST_RULE_CHARS]
    if way not in faults or kind not in FIELD_TYPES or faults[way](expression) or (items and faults[way](items)):
        return None
    try:
        verbs = (transform,) if transform and parse_transform(transform) else ()
    except ValueError:
        return None
    one = FieldRule(**{way: expression}, type=kind, transform=verbs)
    every = FieldRule(**{way: expression}, type=kind, transform=verbs, many=True)
    return ProcessRules(fields={"title": one, "all": every}, items=ItemsRule(**{way: items}) if items else None)


def feed(data: bytes) -> None:
    """A feed whose entries are documents."""
    for media_type in _BY_TYPES:
        check_page(data, media_type)


def calendar(data: bytes) -> None:
    """iCalendar with its zones and recurrences."""
    check_page(data, "text/calendar; charset=utf-8", ProcessRules(time_zone="Europe/Madrid"))


def pdf(data: bytes) -> None:
    """A PDF."""
    check_page(data, "application/pdf")


def text(data: bytes) -> None:
    """Plain text."""
    check_page(data, "text/plain")


def item(data: bytes) -> None:
    """An item of a JSON API."""
    check_page(data, "application/json")


def cleaning(data: bytes) -> None:
    """What makes text clean and safe is done when it is done."""
    given = text_of(data)
    for tidy in (safe_html, make_safe, repair):
        once = tidy(normalize(given))
        if tidy is not repair:  # which `clean` repeats until nothing changes
            assert tidy(once) == once, f"{tidy.__name__} is not done after one time"
        assert len(once) <= 200 + 20 * len(given)
    assert "<script" not in safe_html(given).lower()
    check_text(safe_html(given))


def answer(data: bytes) -> None:
    """What a language model answered."""
    schema = {"type": "object", "properties": {"title": {"type": ["string", "null"]}}}
    question = Question({"title": "", "published_at": "", "tags": "", "image_url": "", "price": ""}, schema, True, "")
    try:
        values = check(data.decode("utf-8", "replace"), question)
    except OURS:
        return
    check_draft(fill(Draft(kind="article"), values, model="m", url=URL, zone=None), is_clean=False)
