"""Small PDFs for the tests of their reader: pages of lines, each with its place and size."""

from __future__ import annotations

from collections.abc import Sequence

Placed = tuple[float, float, float, str]
"""A line: left, baseline, size, text."""


def pdf(*pages: Sequence[Placed] | bytes, info: str = "", catalog: str = "", trailer: str = "") -> bytes:
    """A PDF of the given pages; one given as bytes is drawn by them."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode(),
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for page in pages:
        drawn = page if isinstance(page, bytes) else b"\n".join(_shown(*line) for line in page)
        content = f"{len(objects) + 2} 0 R"
        resources = "<</Font<</F1 3 0 R>>>>"
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {content}/Resources{resources}>>".encode(),
            b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        ]
    objects.append(f"<<{info}>>".encode())
    return _written(objects, trailer)


def paragraph(top: float, *lines: str, left: float = 60, size: float = 10) -> list[Placed]:
    """Lines below each other, a fifth of their size apart."""
    return [(left, top - 1.2 * size * number, size, line) for number, line in enumerate(lines)]


def _shown(left: float, baseline: float, size: float, text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F1 {size} Tf {left} {baseline} Td ({escaped}) Tj ET".encode("latin-1")


def _written(objects: Sequence[bytes], trailer: str) -> bytes:
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size, info = len(objects) + 1, len(objects)
    end = f"trailer<</Size {size}/Root 1 0 R/Info {info} 0 R{trailer}>>\nstartxref\n{len(body)}\n%%EOF".encode()
    return body + f"xref\n0 {size}\n0000000000 65535 f \n".encode() + table + end
