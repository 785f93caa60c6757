"""What is not a page: a PDF with text, and an image, an archive, a stylesheet and a script that people link to."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.site.expected import Expected, without_document
from tests.site.page import Page

_TIDES = (
    (
        "Tide tables for Lantern Quay",
        "High water at the quay follows the full moon by one hour and forty minutes.",
        "Springs reach five metres and sixty centimetres above the datum cut into the slip.",
        "Neaps leave the inner basin dry for three hours, and boats there must take the ground.",
        "All times are given in Greenwich mean time, without regard to politics.",
    ),
    (
        "How to read the tables",
        "The first column is the hour of high water and the second its height in metres.",
        "Add one twelfth in the first hour, two in the second and three in the third.",
        "A northerly gale holds the ebb back, and then the printed figures are only hopes.",
        "Corrections are welcome and should be handed to the harbour master in writing.",
    ),
)


def file_pages() -> Iterator[Page]:
    """Give the files that pages link to, and those that browsers fetch for a page."""
    expected = Expected(
        "/files/tide-tables.pdf",
        kind="pdf",
        title="Tide tables for Lantern Quay",
        language="en",
        must_contain=(_TIDES[0][1], _TIDES[1][2]),
    )
    yield Page(expected, lambda base: pdf(), "application/pdf", may_gzip=False)
    yield _skipped("/files/quay.png", _png(), "image/png")
    yield _skipped("/files/negatives.zip", _zip(), "application/zip")
    yield _skipped("/static/print.css", b"aside, nav { display: none }\n", "text/css")
    yield _skipped("/static/clock.js", b"document.title += ' ' + new Date().getHours();\n", "text/javascript")


def assets() -> dict[str, tuple[str, bytes]]:
    """Give what pages load but never link to: path to media type and bytes."""
    folder = Path(__file__).parent / "static"
    types = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    return {f"/static/{file.name}": (types[file.suffix], file.read_bytes()) for file in sorted(folder.iterdir())}


def pdf() -> bytes:
    """Write a PDF of two pages by hand (PDF 1.4: catalogue, pages, one font, one content stream a page)."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R 6 0 R] /Count 2 >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for lines in _TIDES:
        resources = b"<< /Font << /F1 3 0 R >> >>"
        contents = len(objects) + 2
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources %s /Contents %d 0 R >>"
            % (resources, contents)
        )
        drawn = "".join(f"({line}) Tj 0 -24 Td " for line in lines)
        stream = f"BT /F1 12 Tf 60 760 Td {drawn}ET".encode()
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    objects.append(
        b"<< /Title (Tide tables for Lantern Quay) /Author (Harbour Office) /CreationDate (D:20240301090000Z) >>"
    )
    out = b"%PDF-1.4\n"
    offsets = []
    for index, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (index, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        len(objects),
        len(out),
    )
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer


def _skipped(path: str, body: bytes, media_type: str) -> Page:
    return Page(
        without_document(path, "skipped", "media_type", kind="file"),
        lambda base: body,
        media_type,
        may_gzip=False,
    )


def _png(width: int = 64, height: int = 40) -> bytes:
    rows = b"".join(
        b"\0" + bytes(c for x in range(width) for c in (40 + 2 * x, 90 + 3 * y, 150)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("negatives/001.txt", (2020, 1, 1, 0, 0, 0)), "A pier, a dog, a pram.\n")
    return out.getvalue()
