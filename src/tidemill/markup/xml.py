"""Reading XML that strangers wrote: no entities resolved, no network, no document types, the broken skipped.

Comes in: a body; goes out: its elements, one after the other. Called by the readers of sitemaps and feeds, in the
crawl and in the process stage.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from tidemill.errors import Permanent
from tidemill.markup.bounds import check_xml

if TYPE_CHECKING:
    from lxml import etree

# A CDATA section that nobody closes takes all the rest: each of a million would be looked for to the end.
_CDATA_OR_AMPERSAND = re.compile(
    rb"<!\[CDATA\[(?:.*?\]\]>|.*)|&(?!(?:#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);)", re.DOTALL
)
_WIDE = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ENCODING = re.compile(rb"^<\?xml[^>]*\?>")


def elements(body: bytes) -> Iterator[tuple[str, etree._Element]]:
    """Each element of a document as it ends: its local name in lower case, and itself.

    An ampersand that nobody escaped stands for itself, as in `?a=1&b=2`; the parser would drop it with what follows.
    The caller clears what it has read. Raises `Permanent`: `bad_xml` if this is no XML at all, `too_large`.
    """
    check_xml(body)
    from lxml import etree  # most sites are crawled without a sitemap or feed

    events = etree.iterparse(
        BytesIO(_CDATA_OR_AMPERSAND.sub(_escaped, body)),
        events=("end",),
        recover=True,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for _, element in events:
            if isinstance(element.tag, str):
                yield local_name(element), element
    except etree.XMLSyntaxError as error:
        raise Permanent(f"not readable as XML: {error}", reason="bad_xml") from error
    if events.root is None:
        raise Permanent("not readable as XML: it holds no element", reason="bad_xml")


def local_name(element: etree._Element | None) -> str:
    """An element's name without its namespace, in lower case; empty if it is none."""
    tag = element.tag if element is not None else ""
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def without_margin(body: bytes) -> bytes:
    """The body from its first mark on, in an encoding in which ASCII is ASCII: UTF-16 becomes UTF-8."""
    for mark, name in _WIDE:
        if body.startswith(mark):
            narrow = body[len(mark) :].decode(name, "replace").encode()
            return _ENCODING.sub(b"", narrow.lstrip())
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"&amp;" if found[0] == b"&" else found[0]
