"""Pages that are made to hurt whoever reads them: deep, wide, endless, swollen. Each is made when it is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

Bomb = tuple[str, bytes]
"""Media type and body."""

_SENTENCE = b"The council met on Monday and spoke about the harbour, the bridge and the price of bread. "


def _html(inside: bytes) -> Bomb:
    return "text/html", b"<html><head><title>A bomb</title></head><body>" + inside + b"</body></html>"


def pdf(objects: Sequence[bytes], *, root: int = 1, prev: int | None = None, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1, with a table that says where they are."""
    body = bytearray(b"%PDF-1.7\n")
    places = []
    for number, inside in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, inside)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % place for place in places)
    back = b"" if prev is None else b"/Prev %d" % (start if prev < 0 else prev)
    body += b"trailer\n<</Size %d /Root %d 0 R %s %s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, root, back, trailer, start,
    )  # fmt: skip
    return bytes(body)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A compressed stream."""
    packed = zlib.compress(content, 9)
    return b"<<%s /Filter /FlateDecode /Length %d>>\nstream\n%s\nendstream" % (entries, len(packed), packed)


def _swollen(megabytes: int) -> bytes:
    """So many megabytes of operators in a compressed stream."""
    packer = zlib.compressobj(9)
    piece = b"0 0 m " * (1024 * 1024 // 6)
    packed = b"".join(packer.compress(piece) for _ in range(megabytes)) + packer.flush()
    return b"<</Filter /FlateDecode /Length %d>>\nstream\n%s\nendstream" % (len(packed), packed)


def _book(content: bytes, *others: bytes, resources: bytes = b"") -> bytes:
    """One page with this content stream (object 4); `others` are objects from 6 on."""
    page = b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources <</Font <</F 5 0 R>> %s>>>>"
    return pdf(
        [
            b"<</Type /Catalog /Pages 2 0 R>>",
            b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
            page % resources,
            content,
            b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
            *others,
        ]
    )


def plain_pdf(text: bytes = b"Nothing is wrong with this leaflet about the garden.") -> bytes:
    """A PDF as it should be."""
    return _book(stream(b"BT /F 12 Tf 50 700 Td (" + text + b") Tj ET"))


def _pdf_kids_cycle() -> bytes:
    return pdf(
        [
            b"<</Type /Catalog /Pages 2 0 R>>",
            b"<</Type /Pages /Kids [3 0 R 2 0 R] /Count 1000000>>",
            b"<</Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R] /Count 500000>>",
        ]
    )


def _pdf_page_count() -> bytes:
    return plain_pdf(_SENTENCE.strip()).replace(b"/Count 1>>", b"/Count 2147483647>>")


def _pdf_forms() -> bytes:
    """Each form draws the next one ten times: 10^9 drawings of one line of text."""
    forms = []
    for number in range(9):
        inside = b"/X Do " * 10 if number < 8 else b"BT /F 12 Tf 50 700 Td (again and again) Tj ET"
        following = b"/XObject <</X %d 0 R>>" % (7 + number) if number < 8 else b""
        entries = b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources <</Font <</F 5 0 R>> %s>>"
        forms.append(stream(inside, entries % following))
    return _book(stream(b"/X Do " * 10), *forms, resources=b"/XObject <</X 6 0 R>>")


def _pdf_image() -> bytes:
    """A picture of 60,000 by 60,000 points: ten gigabytes if it is unpacked, ten megabytes as it comes."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    image = (
        b"<</Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
        b" /Filter /FlateDecode /Length %d>>\nstream\n%s\nendstream" % (len(packed), packed)
    )
    content = b"BT /F 12 Tf 50 700 Td (" + _SENTENCE.strip() + b") Tj ET q 600 0 0 700 0 0 cm /I Do Q"
    return _book(stream(content), image, resources=b"/XObject <</I 6 0 R>>")


def _laughs(media_type: str) -> Bomb:
    entities = b'<!ENTITY a0 "ha ">' + b"".join(
        b'<!ENTITY a%d "%s">' % (number, b"&a%d;" % (number - 1) * 10) for number in range(1, 12)
    )
    head = b'<?xml version="1.0"?><!DOCTYPE html [' + entities + b"]>"
    return media_type, head + b"<html><title>Laughs</title><body><p>" + _SENTENCE * 3 + b"&a11;</p></body></html>"


BOMBS: dict[str, Callable[[], Bomb]] = {
    "100,000 nested elements": lambda: _html(b"<div>" * 100_000 + _SENTENCE * 5),
    "1,000,000 nested inline elements": lambda: _html(b"<b>" * 1_000_000 + _SENTENCE * 5),
    "nested tables": lambda: _html(b"<table><tr><td>" * 20_000 + _SENTENCE * 5),
    "nested lists": lambda: _html(b"<ul><li>x" * 30_000 + _SENTENCE * 5),
    "nested anchors that must be adopted": lambda: _html(b"<a href=/><p>" * 30_000 + _SENTENCE * 5),
    "50,000 attributes": lambda: _html(
        b"<div " + b" ".join(b'a%d="%d"' % (n, n) for n in range(50_000)) + b">" + _SENTENCE * 5 + b"</div>"
    ),
    "200,000 elements that stay open": lambda: _html(b"<p><i><a href=x>" * 66_000 + _SENTENCE * 5),
    "a laughing document type (XHTML)": lambda: _laughs("application/xhtml+xml"),
    "a laughing document type (HTML)": lambda: _laughs("text/html"),
    "1,000,000 character references": lambda: _html(b"<p>" + _SENTENCE + b"&amp;&#38;&lt;b&gt;" * 250_000 + b"</p>"),
    "one line of 5 MB": lambda: _html(b"<p>" + b"x" * 5_000_000 + b"</p>"),
    "brackets of markdown": lambda: _html(b"<p>" + b"[" * 500_000 + b"*" * 500_000 + b"`" * 500_000 + b"</p>"),
    "angles": lambda: _html(b"<" * 2_000_000),
    "comments that never end": lambda: _html(b"<!--" * 500_000 + _SENTENCE),
    "JSON-LD that is nested": lambda: _html(
        b'<script type="application/ld+json">' + b'{"@graph":[' * 200_000 + b"</script>" + _SENTENCE * 5
    ),
    "microdata that is nested": lambda: _html(
        b'<div itemscope itemprop="a" itemtype="https://schema.org/Event">' * 20_000 + _SENTENCE * 5
    ),
    "a JSON value that is nested": lambda: ("application/json", b"[" * 1_000_000),
    "a JSON number of a million digits": lambda: (
        "application/json",
        b'{"title": "t", "n": ' + b"9" * 1_000_000 + b"}",
    ),
    "a calendar that repeats each second": lambda: (
        "text/calendar",
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101T000000Z\r\n"
        b"RRULE:FREQ=SECONDLY\r\nSUMMARY:Tick\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    ),
    "a calendar of nested components": lambda: ("text/calendar", b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 50_000),
    "a PDF whose pages are their own parents": lambda: ("application/pdf", _pdf_kids_cycle()),
    "a PDF whose tables are in a circle": lambda: (
        "application/pdf",
        pdf([b"<</Type /Catalog /Pages 2 0 R>>", b"<</Type /Pages /Kids [] /Count 0>>"], prev=-1),
    ),
    "a PDF of two milliard pages": lambda: ("application/pdf", _pdf_page_count()),
    "a PDF whose content is swollen": lambda: ("application/pdf", _book(_swollen(2048))),
    "a PDF whose forms draw each other": lambda: ("application/pdf", _pdf_forms()),
    "a PDF with a picture of 10 GB": lambda: ("application/pdf", _pdf_image()),
    "a PDF of nested arrays": lambda: ("application/pdf", _book(b"[" * 500_000)),
    "100 MB of text": lambda: ("text/plain", _SENTENCE * (100_000_000 // len(_SENTENCE))),
    "100 MB of HTML": lambda: _html((b"<p>" + _SENTENCE + b"</p>") * (100_000_000 // (len(_SENTENCE) + 7))),
}
