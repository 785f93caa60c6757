"""What selectors look into: an HTML page or one of its elements, or a value as JSON has it.

Comes in: a page, or a part of one, and a selector; goes out: elements, or values as they stand there. Called by the
extractor of selected values. CSS is done by lexbor and XPath by libxml2, on trees of the same markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from lxml import etree
from lxml.html import HTMLParser, document_fromstring
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from tidemill.markup import parse_html
from tidemill.models.document import Json
from tidemill.models.source import FieldRule, ItemsRule
from tidemill.process.extract.fragments import text_of_markup
from tidemill.process.extract.paths import ITSELF, find
from tidemill.process.extract.visible import text_of_node

if TYPE_CHECKING:  # the rules of sources are checked without the libraries that read pages
    from tidemill.process.extract.page import Page

MAX_FOUND = 10_000
_RAW_TEXT = frozenset(("script", "style", "template", "noscript", "textarea", "title"))
_IN_TABLES = frozenset(("tbody", "thead", "tfoot", "tr", "td", "th"))
_TIMES = frozenset(("date", "datetime", "when"))
_LINKS = ("href", "src", "data-src", "content")
_XPATH_FUNCTIONS = frozenset((
    "last", "position", "count", "id", "local-name", "namespace-uri", "name", "string", "concat", "starts-with",
    "contains", "substring-before", "substring-after", "substring", "string-length", "normalize-space", "translate",
    "boolean", "not", "true", "false", "lang", "number", "sum", "floor", "ceiling", "round", "text", "node", "comment",
    "processing-instruction", "and", "or", "div", "mod", "re:test", "re:match", "re:replace",
))  # fmt: skip
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
_CALL = re.compile(r"([\w:.-]+)\s*\(")
_MARK = "data-tidemill-item"
_REGEXP = {"re": "http://exslt.org/regular-expressions"}

_LxmlElement: TypeAlias = Any  # lxml has no types of its own


def css_fault(selector: str) -> str | None:
    """Why a CSS selector cannot be used; `None` if it can."""
    if selector == ITSELF:
        return None
    try:
        LexborHTMLParser("<p>").css(selector)
    except SelectolaxError:
        return "which is no CSS selector"
    return None


def xpath_fault(expression: str) -> str | None:
    """Why an XPath (1.0) cannot be used; `None` if it can."""
    called = _CALL.findall(_LITERAL.sub("''", expression))
    unknown = next((name for name in called if name.rpartition("::")[2] not in _XPATH_FUNCTIONS), None)
    if unknown is not None:
        return f"which calls {unknown}(), a function that XPath 1.0 has not"
    try:
        _compiled(expression)(document_fromstring("<p>x</p>"))
    except (etree.XPathError, ValueError) as error:
        return f"which is no XPath ({error})"
    return None


@dataclass(frozen=True)
class Element:
    """A place in HTML as lexbor knows it (`node`), or libxml2 (`twin`), or both."""

    node: LexborNode | None = None
    twin: _LxmlElement = None

    def found(self, rule: FieldRule | ItemsRule) -> list[Element | str]:
        """The elements (or, of an XPath, texts) that the rule's selector finds, in their order, each once."""
        found = self._by_css(rule.css) if rule.css is not None else self._by_xpath(rule.xpath or ".")
        return list(islice(found, MAX_FOUND))

    @cached_property
    def markup(self) -> str:
        """The element as HTML."""
        return (self.node.html or "") if self.node is not None else _html(self.twin)

    @property
    def tag(self) -> str:
        """The name of the element, in lower case."""
        return str((self.node.tag if self.node is not None else self.twin.tag) or "").lower()

    def attribute(self, name: str) -> str | None:
        """An attribute's value, empty if it has none; `None` if there is no such attribute."""
        if self.node is None:
            value = self.twin.get(name)
            return None if value is None else str(value)
        attributes = self.node.attributes
        return (attributes[name] or "") if name in attributes else None

    @cached_property
    def text(self) -> str:
        """What a reader sees of the element, each block on a line of its own; of a script, its text as it is."""
        if self.tag in _RAW_TEXT:
            return self.node.text() if self.node is not None else str(self.twin.text_content())
        if self.node is not None:
            return text_of_node(self.node)
        return text_of_markup(f"<table>{self.markup}</table>" if self.tag in _IN_TABLES else self.markup)

    def value(self, kind: str, attribute: str | None, *, is_bare: bool) -> str | None:
        """The text for a value of that type: an attribute, or the text, or the markup for `html`.

        If no attribute is named and nothing is done with the text (`is_bare`), a link is taken from the attribute that
        holds one, and a time from that of `<time datetime>`.
        """
        if attribute is not None:
            return self.attribute(attribute)
        if kind == "html":
            return self.markup
        if is_bare and kind == "url":
            return next((link for name in _LINKS if (link := self.attribute(name))), None) or self.text
        if is_bare and kind in _TIMES:
            return self.attribute("datetime") or self.attribute("content") or self.text
        return self.text

    def _by_css(self, selector: str) -> Iterator[Element]:
        if selector == ITSELF:
            yield self
            return
        seen: set[int] = set()
        for node in self.node.css(selector) if self.node is not None else ():
            if node.mem_id not in seen:  # one that matches two parts of a list of selectors is given twice
                seen.add(node.mem_id)
                yield Element(node)

    def _by_xpath(self, expression: str) -> Iterator[Element | str]:
        if self.twin is None:
            return
        try:
            result = _compiled(expression)(self.twin)
        except (etree.XPathError, ValueError):
            return  # what could be compiled may still not fit the values of a page
        for each in result if isinstance(result, list) else [result]:
            if not etree.iselement(each):
                yield _spelled(each)
            elif isinstance(each.tag, str):
                yield Element(twin=each)


def page_element(page: Page, *, for_xpath: bool) -> Element:
    """The whole page; libxml2 reads it (`for_xpath`) as lexbor has put it right, so that both know the same elements.

    Raises `Permanent` if its markup would hang a parser.
    """
    root = page.tree.root
    twin = _read(page.tree.html or "").getroottree() if for_xpath else None
    return Element(root, twin)


def item_elements(page: Page, rule: ItemsRule, *, for_css: bool, for_xpath: bool) -> list[Element]:
    """The items of a page, each known to the parsers that its fields are looked for with. Raises as `page_element`."""
    whole = page_element(page, for_xpath=rule.xpath is not None)
    items = [each for each in whole.found(rule) if isinstance(each, Element)]
    if rule.css is not None:
        return _with_twins(page.tree, items) if for_xpath else items
    return _with_nodes(whole.twin, items) if for_css else items


def _with_twins(tree: LexborHTMLParser, items: list[Element]) -> list[Element]:
    """The items as both parsers know them: each is marked with its number, in which the other finds it."""
    nodes = [item.node for item in items if item.node is not None]
    for number, node in enumerate(nodes):
        node.attrs[_MARK] = str(number)
    document = _read(tree.html or "")
    twins = {twin.attrib.pop(_MARK): twin for twin in document.xpath(f"//*[@{_MARK}]")}
    for node in nodes:
        del node.attrs[_MARK]
    return [Element(node, twins.get(str(number))) for number, node in enumerate(nodes)]


def _with_nodes(document: _LxmlElement, items: list[Element]) -> list[Element]:
    for number, item in enumerate(items):
        item.twin.set(_MARK, str(number))
    tree = parse_html(_html(document))
    nodes = {str(node.attributes[_MARK]): node for node in tree.css(f"[{_MARK}]")}
    for number, item in enumerate(items):
        del item.twin.attrib[_MARK]
        if str(number) in nodes:
            del nodes[str(number)].attrs[_MARK]
    return [Element(nodes.get(str(number)), item.twin) for number, item in enumerate(items)]


def json_values(value: Json, path: str) -> list[Json]:
    """What lies at a path; of one list, its members."""
    found = find(value, path)
    if len(found) == 1 and isinstance(found[0], list):
        found = [each for each in found[0] if each is not None]
    return found[:MAX_FOUND]


@cache
def _compiled(expression: str) -> etree.XPath:
    return etree.XPath(expression, namespaces=_REGEXP, smart_strings=False)


def _read(markup: str) -> _LxmlElement:
    """The tree of libxml2. No network and no entities of elsewhere; the guard has seen to depth and size."""
    parser = HTMLParser(encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True)
    return document_fromstring(markup.encode("utf-8", "replace") or b"<html></html>", parser=parser)


def _html(tree: _LxmlElement) -> str:
    return str(etree.tostring(tree, encoding="unicode", method="html", with_tail=False))


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
