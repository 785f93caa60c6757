"""How tags are written and which elements nest: the part of the HTML standard that the guard needs to know.

The expressions follow the tokenizer of the HTML standard (13.2.5): a quote means something only after `=`. All are
possessive, so that each takes time linear in the text.
"""

from __future__ import annotations

import re

_S = r"[ \t\n\r\f]"
_NAME = r"[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+"
_QUOTED = r"\"[^\"]*+\"|'[^']*+'"
_CUT_QUOTED = r"\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)"
_BARE = r"[^ \t\n\r\f>\"'][^ \t\n\r\f>]*+"
_GAP = r"[ \t\n\r\f/]++"
_ATTRIBUTE = rf"(?:{_GAP}|{_NAME}(?:{_S}*+={_S}*+(?:{_QUOTED}|{_BARE})?+)?+)"
_CUT_ATTRIBUTE = rf"(?:{_GAP}|{_NAME}(?:{_S}*+={_S}*+(?:{_CUT_QUOTED}|{_BARE})?+)?+)"
_COMMENT = r"<!--(?:-?>|(?:[^-]|-(?!-!?>))*+(?:--!?>)?+)"

TAG = re.compile(rf"{_COMMENT}|<(/?)([a-zA-Z][^ \t\n\r\f/>]*+)({_ATTRIBUTE}*+)>?")
"""A comment (no groups) or a tag: slash, name, attributes."""

FEW_ATTRIBUTES = re.compile(
    rf"(?:[^<]++|{_COMMENT}|<[a-zA-Z][^ \t\n\r\f/>]*+{_ATTRIBUTE}{{0,1000}}+(?![^>])>?+|<(?![a-zA-Z]))*+"
)
"""Matches as far as no tag has more than some 500 attributes: to the end of an ordinary page."""

_ONE_ATTRIBUTE = re.compile(_ATTRIBUTE)
# The states in which a tile of a long tag may begin: between attributes, in a value of either quote, before a value.
_INSIDE = tuple(
    re.compile(rf"{start}{_CUT_ATTRIBUTE}{{40,}}+\Z")
    for start in ("", r"[^\"]*+\"", r"[^']*+'", rf"{_S}*+(?:{_QUOTED})")
)

_FORMAT_NAMES = "b|big|code|em|font|i|s|small|strike|strong|tt|u"
_PLAIN = rf"(?:{_S}++[a-zA-Z0-9_:.\-]++(?:=\"[^\"<>]*+\")?+)*+{_S}*+"
_SHALLOW_NAMES = (
    "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|a|button|p|li|dt|dd|option|tr|td|th|thead|"
    "tbody|tfoot|caption"
)

_INLINE = rf"(?P<{{0}}>span|a|{_FORMAT_NAMES}){_PLAIN}>[^<]*+"
_CLOSED = "<" + _INLINE.format("inner") + "</(?P=inner)>[^<]*+"
_CLOSED_TWICE = "<" + _INLINE.format("outer") + f"(?:{_CLOSED})*+" + "</(?P=outer)>[^<]*+"

FORMATS = re.compile(
    r"<(?=[bcefistuBCEFISTU])(?!span|br|t[dhr]|script|section|style|img)"  # for speed: what most elements are not
    rf"(?:(?P<closed>{_FORMAT_NAMES}){_PLAIN}>[^<]*+(?:{_CLOSED_TWICE})*+</(?P=closed)>|"
    rf"(?i:{_FORMAT_NAMES})[ \t\n\r\f/>])"
)
"""A formatting element. Named `closed`: it is closed where it stands, so that nothing is opened again because of it."""


def count_open_formats(text: str) -> int:
    """How many formatting elements may be left open, at most."""
    return sum(1 for found in FORMATS.finditer(text) if found["closed"] is None)


HARMLESS = re.compile(
    rf"<(?:[!/]|(span|code|em|strong|b|i|div|h[1-6]|cite|pre|sup|sub){_PLAIN}>[^<]*+</\1>|"
    rf"(?:{_SHALLOW_NAMES})(?=[ \t\n\r\f/>]))"
)
"""A `<` that opens nothing lasting; with a group, two of them: an element that is closed where it stands."""

_RAW_END = {name: re.compile(rf"</{name}(?=[ \t\n\r\f/>])", re.IGNORECASE) for name in ("script", "style")}
_VOID = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr", "basefont", "bgsound", "frame",
))  # fmt: skip
_IMPLIED = frozenset((
    "html", "head", "body", "a", "button", "nobr", "p", "li", "dt", "dd", "option", "optgroup", "tr", "td",
    "th", "thead", "tbody", "tfoot", "colgroup", "caption", "rt", "rp",
))  # fmt: skip
_FORMATS = frozenset(["b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"])
_FOREIGN = frozenset(("svg", "math"))
_BREAKS_OUT = frozenset((
    "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed", "h1",
    "h2", "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li", "menu", "meta", "nobr", "ol", "p", "pre",
    "ruby", "s", "small", "span", "strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var",
))  # fmt: skip


def count_attributes(attributes: str) -> int:
    """How many attributes the inside of a tag holds."""
    return sum(1 for found in _ONE_ATTRIBUTE.finditer(attributes) if found[0].strip(" \t\n\r\f/"))


def fills_with_attributes(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` may lie wholly inside one tag and hold some 20 attributes.

    Ordinary text is refuted within some characters.
    """
    return any(inside.match(text, start, end) for inside in _INSIDE)


def ends_raw_text(name: str, text: str, position: int) -> int | None:
    """Where the raw text of a script or style that begins at `position` ends; `None` for other elements."""
    if name not in _RAW_END:
        return None
    closing = _RAW_END[name].search(text, position)
    return closing.end() if closing else len(text)


def is_shallow(name: str) -> bool:
    """Void elements hold nothing; those that the parser closes by itself nest only as deep as their parents do."""
    return name in _VOID or name in _IMPLIED


def is_format(name: str) -> bool:
    """Formatting elements left open are opened again in every later block."""
    return name in _FORMATS


def is_foreign(name: str) -> bool:
    """In SVG and MathML a slash closes an element."""
    return name in _FOREIGN


def is_breaking_out(name: str) -> bool:
    """HTML elements that end foreign content."""
    return name in _BREAKS_OUT
