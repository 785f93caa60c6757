"""PDF by pdfium: text, title, author, dates, number of pages.

Comes in: an application/pdf page; goes out: one draft of kind `pdf`. Called by the pipeline, in a process that may be
killed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pypdfium2

from tidemill.errors import Permanent
from tidemill.models.document import Draft
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import PDF, handles
from tidemill.process.extract.text import as_markdown, file_name, first_line

_MAX_PAGES = 2_000
_MAX_CHARS = 20_000_000
_TIME = re.compile(r"D?:?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:(Z)|([+-])(\d{2})'?(\d{2})?)?")
_UNTITLED = re.compile(
    r"^(untitled|.*\.(docx?|indd|pdf|xlsx?|pptx?|tex|qxd)|microsoft \w+ - .*|slide \d+)$", re.IGNORECASE
)


@handles(*PDF)
def extract_pdf(page: Page) -> tuple[Draft, ...]:
    """The text of all pages. One that is a picture of text is kept with problem `no_text`.

    Raises `Permanent`: `pdf_encrypted` if a password is needed, `pdf_broken` if pdfium cannot read it.
    """
    try:
        document = pypdfium2.PdfDocument(page.body)
    except pypdfium2.PdfiumError as error:
        reason = "pdf_encrypted" if "password" in str(error).lower() else "pdf_broken"
        raise Permanent(f"{page.url} cannot be read as PDF: {error}", reason=reason) from error
    try:
        return (_draft(page, document),)
    finally:
        document.close()


def _draft(page: Page, document: pypdfium2.PdfDocument) -> Draft:
    info = document.get_metadata_dict(skip_empty=True)
    text, flags = _text(document)
    declared = " ".join(info.get("Title", "").split())
    title = "" if _UNTITLED.match(declared) else declared
    line = first_line(text)
    published_at, modified_at = _time(info.get("CreationDate", "")), _time(info.get("ModDate", ""))
    return Draft(
        kind="pdf",
        title=title or line or file_name(page.url),
        author=" ".join(info.get("Author", "").split()) or None,
        published_at=published_at,
        modified_at=modified_at,
        content=text,
        markdown=as_markdown(text),
        fields={"pages": len(document)},
        provenance={
            "title": "pdf-info" if title else "pdf-text" if line else "url",
            "content": "pdf-text",
            **({"published_at": "pdf-info"} if published_at else {}),
            **({"modified_at": "pdf-info"} if modified_at else {}),
            **({"author": "pdf-info"} if info.get("Author", "").strip() else {}),
        },
        flags=flags,
        problems=() if text.strip() else ("no_text",),
    )


def _text(document: pypdfium2.PdfDocument) -> tuple[str, tuple[str, ...]]:
    """The text of the first 2,000 pages, at most 20 million characters; flag `truncated` if there was more."""
    parts: list[str] = []
    size = 0
    for number in range(min(len(document), _MAX_PAGES)):
        part = _page_text(document, number)
        parts.append(part)
        size += len(part)
        if size > _MAX_CHARS:
            break
    text = "\n\n".join(parts).replace("\r\n", "\n").replace("\r", "\n").replace("\ufffe", "")
    return text[:_MAX_CHARS], ("truncated",) if len(parts) < len(document) or size > _MAX_CHARS else ()


def _page_text(document: pypdfium2.PdfDocument, number: int) -> str:
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return ""  # A page that cannot be loaded shows nothing in any viewer either.
    try:
        text_page = page.get_textpage()
        try:
            return str(text_page.get_text_bounded()).strip()
        finally:
            text_page.close()
    finally:
        page.close()


def _time(text: str) -> datetime | None:
    """A PDF date (ISO 32000-1, 7.9.4) in UTC; one without a zone is taken as UTC."""
    found = _TIME.match(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups()[:6])
    offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0)) * (-1 if found[8] == "-" else 1)
    try:
        zone = timezone(offset) if offset else UTC
        return datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=zone).astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        return None
