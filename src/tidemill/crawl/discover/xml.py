"""Reading XML that strangers wrote: no entities resolved, no network, no document types, the broken skipped."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from lxml import etree

from tidemill.errors import Permanent


def elements(body: bytes) -> Iterator[tuple[str, etree._Element]]:
    """Each element of a document as it ends: its local name in lower case, and itself.

    The caller clears what it has read. Raises `Permanent` (reason `bad_xml`) if this is no XML at all.
    """
    events = etree.iterparse(
        BytesIO(body),
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
                yield element.tag.rpartition("}")[2].lower(), element
    except etree.XMLSyntaxError as error:
        raise Permanent(f"not readable as XML: {error}", reason="bad_xml") from error
