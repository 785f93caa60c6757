"""PDF by pdfium: text, title, author, dates, language, number of pages.

Comes in: an application/pdf page; goes out: one draft of kind `pdf`. Called by the pipeline, in a process that may be
killed.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pypdfium2
import pypdfium2.raw as pdfium
from pypdfium2.version import PDFIUM_INFO

from tidemill.errors import Permanent
from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.page import Page
from tidemill.process.extract.pdf_layout import Block, blocks_of, is_bullet, without_bullet, without_furniture
from tidemill.process.extract.pdf_pages import MAX_CHARS, PdfPage, read_pages
from tidemill.process.extract.registry import PDF, handles
from tidemill.process.extract.text import as_markdown, file_name, first_line
from tidemill.process.extract.times import ZONE_ASSUMED, parse_aware_time, zone_of
from tidemill.process.extract.zones import in_zone

_VERSION = f"1.{PDFIUM_INFO.build}"
_TIME = re.compile(r"D?:?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:(Z)(?:00'?00)?|([+-])(\d{2})'?(\d{2})?)?")
_UNTITLED = re.compile(
    r"untitled.*|(?:new )?document ?\d*|doc\d*|print|layout ?\d*|slide \d+|no slide title|powerpoint presentation"
    r"|.*\.(?:docx?|indd|pdf|xlsx?|pptx?|tex|qxd|odt|rtf)|microsoft \w+ - .*",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r"(?:local )?(?:user|admin|administrator|owner|author|root|unknown|default|guest|anonymous|windows user|hp|pc)"
    r"|microsoft office user|none|n/a",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"([a-zA-Z]{2})(?:[-_]|$)")
_MOST_SCANNED_PAGES = 1_000
_MAX_INFO_CHARS = 1_000


@handles(*PDF)
def extract_pdf(page: Page) -> tuple[Draft, ...]:
    """The text of all pages. One that is a picture of text is kept with problem `scanned_pdf`, an empty `no_text`.

    Raises `Permanent`: `encrypted_pdf` if a password is needed, `bad_pdf` if pdfium cannot read it.
    """
    try:
        document = pypdfium2.PdfDocument(page.body)
    except (pypdfium2.PdfiumError, ValueError) as error:
        if "password" in str(error).lower():
            raise Permanent(f"{page.url} needs a password", reason="encrypted_pdf") from error
        raise Permanent(f"{page.url} cannot be read as PDF: {error}", reason="bad_pdf") from error
    try:
        return (_draft(page, document),)
    finally:
        document.close()


def _draft(page: Page, document: pypdfium2.PdfDocument) -> Draft:
    raw, truncated = read_pages(document)
    pages = without_furniture(raw)
    blocks = blocks_of(pages)
    title, title_rule = _title(document, blocks, page.url)
    zone = zone_of(page.rules)
    published_at, assumed = _time(_info(document, "CreationDate"), zone)
    modified_at, assumed_too = _time(_info(document, "ModDate"), zone)
    author = _info(document, "Author")
    content = "\n\n".join(block.text for block in blocks)
    flags = ((ZONE_ASSUMED, assumed or assumed_too), ("truncated", truncated))
    draft = Draft(
        kind="pdf",
        title=title,
        author=author if author and not _NOBODY.fullmatch(author) else None,
        published_at=published_at,
        modified_at=modified_at,
        language=_language(document),
        content=content[:MAX_CHARS],
        markdown=_markdown(blocks),
        fields=_fields(document, pages, is_empty=not blocks),
        flags=tuple(flag for flag, is_so in flags if is_so),
        problems=() if blocks else ("scanned_pdf" if any(each.shows for each in raw) else "no_text",),
    )
    return replace(draft, provenance=_provenance(draft, title_rule))


def _provenance(draft: Draft, title_rule: str) -> dict[str, str]:
    rules = {
        "title": title_rule, "author": "Info Author", "published_at": "Info CreationDate",
        "modified_at": "Info ModDate", "language": "Lang", "content": "text", "markdown": "text", "pages": "pages",
        "scanned_pages": "pages",
    }  # fmt: skip
    given = (name for name in rules if name in draft.fields or getattr(draft, name, None))
    return {name: origin("pdfium", _VERSION, rules[name]) if rules[name] else origin("url") for name in given}


def _fields(document: pypdfium2.PdfDocument, pages: Sequence[PdfPage], *, is_empty: bool) -> dict[str, Json]:
    """How many pages there are, and which of them are pictures, if others are not."""
    fields: dict[str, Json] = {"pages": len(document)}
    pictures: list[Json] = [number for number, each in enumerate(pages, 1) if each.shows and not each.lines]
    return {**fields, "scanned_pages": pictures[:_MOST_SCANNED_PAGES]} if pictures and not is_empty else fields


def _title(document: pypdfium2.PdfDocument, blocks: Sequence[Block], url: str) -> tuple[str, str]:
    """What the document is called, or else its largest heading on the first page, its first line, its file."""
    declared = _info(document, "Title")
    if len(re.findall(r"[^\W\d_]", declared)) > 1 and not _UNTITLED.fullmatch(declared):
        return declared, "Info Title"
    first = [block for block in blocks if block.level and block.page == 1]
    if first:
        return min(first, key=lambda block: block.level).text, "heading"
    line = first_line(blocks[0].text) if blocks else ""
    return (line, "first line") if line else (file_name(url), "")


def _markdown(blocks: Sequence[Block]) -> str:
    parts: list[str] = []
    for block in blocks:
        if block.level:
            parts.append(f"{'#' * block.level} {as_markdown(block.text)}")
        elif is_bullet(block.text):
            parts.append("- " + as_markdown(without_bullet(block.text)).replace("\n", "\n  "))
        else:
            parts.append(as_markdown(block.text))
    return "\n\n".join(parts)


def _info(document: pypdfium2.PdfDocument, name: str) -> str:
    """What the document says of itself by that name, on one line; empty if it says nothing."""
    try:
        return " ".join(str(document.get_metadata_value(name)).split())[:_MAX_INFO_CHARS]
    except (UnicodeDecodeError, pypdfium2.PdfiumError):
        return ""


def _language(document: pypdfium2.PdfDocument) -> str | None:
    size = pdfium.FPDFCatalog_GetLanguage(document, None, 0)
    if not 2 < size <= 200:
        return None
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFCatalog_GetLanguage(document, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    found = _LANGUAGE.match(buffer.raw.decode("utf-16-le", "replace").rstrip("\x00"))
    return found[1].lower() if found else None


def _time(text: str, zone: tzinfo | None) -> tuple[datetime | None, bool]:
    """A PDF date (ISO 32000-1, 7.9.4) in UTC, and whether its zone had to be assumed. Some write it in other ways."""
    found = _TIME.fullmatch(text.rstrip("'"))
    if found is None:
        return parse_aware_time(text, zone)
    year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups()[:6])
    try:
        time = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0)  # noqa: DTZ001
        if found[7] or found[8]:
            offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0))
            said = timezone(-offset if found[8] == "-" else offset)
            return time.replace(tzinfo=said).astimezone(UTC), False
        if hour is None:
            return time.replace(tzinfo=UTC), False
        return in_zone(time, zone or UTC).astimezone(UTC), True
    except (ValueError, OverflowError):
        return None, False
