"""A PDF gives its text as paragraphs, what it says of itself as fields, and what it is not as a reason."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import capture
from tests.unit.process.pdfs import paragraph, pdf

from tidemill.errors import Permanent
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.extract import pdf_pages
from tidemill.process.extract.page import Page
from tidemill.process.extract.pdf import extract_pdf
from tidemill.process.extract.pdf_layout import SOFT_BREAK, Block, blocks_of, without_furniture
from tidemill.process.extract.pdf_pages import Line, PdfPage

WORDS = "The tide mill at the old harbour turns again after ninety years of silence and of dust"
FULL = (
    WORDS,
    "and volunteers repaired the sluice gates last winter and ground the first flour in",
    "April of this year.",
)
PICTURE = b"q 500 0 0 700 0 0 cm 0 0 1 1 re f Q"


def read(body: bytes, rules: ProcessRules | None = None, url: str = "https://mill.example/a%20report.pdf") -> Draft:
    (only,) = extract_pdf(Page(capture(url, "application/pdf"), body, rules or ProcessRules()))
    return only


def test_lines_become_paragraphs_and_large_ones_headings() -> None:
    found = read(
        pdf(
            [
                *paragraph(740, "The year of the mill", size=20),
                *paragraph(700, "1. The gates", size=14),
                *paragraph(670, *FULL),
                *paragraph(620, *FULL),
            ]
        )
    )
    text = " ".join(FULL)
    assert found.content == f"The year of the mill\n\n1. The gates\n\n{text}\n\n{text}"
    assert found.markdown == f"# The year of the mill\n\n## 1\\. The gates\n\n{text}\n\n{text}"
    assert (found.kind, found.title, found.fields, found.problems) == ("pdf", "The year of the mill", {"pages": 1}, ())
    assert found.provenance["title"].endswith(" heading")


def test_short_lines_keep_their_ends_and_lists_their_items() -> None:
    found = read(pdf([*paragraph(700, "Ann Weir", "Pilot Street 1", "Quay"), *paragraph(640, "\x95 one", "\x95 two")]))
    assert found.content.startswith("Ann Weir\nPilot Street 1\nQuay")
    assert found.markdown.startswith("Ann Weir\\\nPilot Street 1\\\nQuay")


def test_a_document_set_in_large_letters_has_no_headings() -> None:
    found = read(pdf(paragraph(700, *FULL, size=24), paragraph(700, "a word", size=8)))
    assert "#" not in found.markdown


def test_a_paragraph_goes_on_in_the_next_column_and_on_the_next_page() -> None:
    half = ["The tide mill at the old harbour turns again after", "ninety years of silence, and volunteers"]
    rest = ["repaired the sluice gates last winter and ground the", "first flour in April."]
    columns = [*paragraph(700, *half), *paragraph(700, *rest, left=320)]
    text = " ".join((*half, *rest))
    assert read(pdf(columns)).content == text
    assert read(pdf(paragraph(60, *half), paragraph(700, *rest))).content == text
    assert read(pdf(paragraph(60, *half), paragraph(700, "Another text begins."))).content.count("\n\n") == 1


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([f"the wa{SOFT_BREAK}ter"], "the water"),
        (["the wa-", "ter"], "the water"),
        ([f"a well{SOFT_BREAK}known well-known mill"], "a well-known well-known mill"),
        (["the North-", "Sea"], "the North- Sea"),
        ([f"in 2020{SOFT_BREAK}21"], "in 2020-21"),
        ([f"a para{SOFT_BREAK}graph{SOFT_BREAK}ically"], "a paragraphically"),
    ],
)
def test_words_broken_at_line_ends_are_whole_again(lines: list[str], text: str) -> None:
    wide = [Line(line, 10, 60, 400, 700 - 12 * number) for number, line in enumerate(lines)]
    assert blocks_of([PdfPage(tuple(wide))]) == [Block(text, 0, 1, 10)]


def test_running_heads_and_page_numbers_are_left_out() -> None:
    pages = [
        [*paragraph(780, "Mill Quarterly", size=8), *paragraph(700, f"{name} part.", *FULL), (280, 20, 8, f"{n} / 4")]
        for n, name in enumerate(("First", "Second", "Third", "Fourth"), 1)
    ]
    found = read(pdf(*pages))
    assert "Quarterly" not in found.content
    assert "/ 4" not in found.content
    assert all(f"{name} part." in found.content for name in ("First", "Second", "Third", "Fourth"))


def test_rows_of_numbers_and_what_stands_on_two_pages_are_no_running_heads() -> None:
    rows = [PdfPage(tuple(Line(f"{n} {n + 1} {m}", 10, 60, 200, 700 - 12 * m) for m in range(9))) for n in range(5)]
    assert without_furniture(rows) == rows
    twice = [PdfPage((Line("Terms of sale", 10, 60, 200, 700),)) for _ in range(2)]
    assert without_furniture(twice) == twice


def test_what_a_document_says_of_itself() -> None:
    found = read(
        pdf(
            paragraph(700, *FULL),
            info="/Title(Report of the mill)/Author(Ann Weir)"
            "/CreationDate(D:20260403100000+02'00')/ModDate(D:20260405)",
            catalog="/Lang(en-GB)",
        )
    )
    assert (found.title, found.author, found.language) == ("Report of the mill", "Ann Weir", "en")
    assert found.published_at == datetime(2026, 4, 3, 8, tzinfo=UTC)
    assert found.modified_at == datetime(2026, 4, 5, tzinfo=UTC)
    assert found.flags == ()
    assert found.provenance["author"].startswith("pdfium@1.")
    assert found.provenance["author"].endswith(" Info Author")


@pytest.mark.parametrize(
    ("written", "time", "flags"),
    [
        ("D:20260403100000Z", datetime(2026, 4, 3, 10, tzinfo=UTC), ()),
        ("D:20260403100000+02'00'", datetime(2026, 4, 3, 8, tzinfo=UTC), ()),
        ("D:20260403100000-0500", datetime(2026, 4, 3, 15, tzinfo=UTC), ()),
        ("D:20260403100000Z00'00'", datetime(2026, 4, 3, 10, tzinfo=UTC), ()),
        ("20260403100000", datetime(2026, 4, 3, 8, tzinfo=UTC), ("zone_assumed",)),
        ("Fri Apr 03 10:00:00 2026", datetime(2026, 4, 3, 8, tzinfo=UTC), ("zone_assumed",)),
        ("D:20261403", None, ()),
        ("D:20260403100000+99'99'", None, ()),
        ("D:99991231235959-05'00'", None, ()),
        ("soon", None, ()),
    ],
)
def test_dates(written: str, time: datetime | None, flags: tuple[str, ...]) -> None:
    found = read(pdf(paragraph(700, *FULL), info=f"/CreationDate({written})"), ProcessRules(time_zone="Europe/Madrid"))
    assert (found.published_at, found.flags) == (time, flags)


@pytest.mark.parametrize(
    "junk", ["untitled", "Microsoft Word - draft3.doc", "report.indd", "1234", "Slide 1", "Untitled-1"]
)
def test_a_title_that_is_none_is_not_believed(junk: str) -> None:
    assert (
        read(pdf(paragraph(700, "A word about gates.", *FULL), info=f"/Title({junk})")).title == "A word about gates."
    )


@pytest.mark.parametrize("junk", ["admin", "Microsoft Office User", " "])
def test_an_author_who_is_nobody_is_not_believed(junk: str) -> None:
    assert read(pdf(paragraph(700, *FULL), info=f"/Author({junk})")).author is None


def test_a_scanned_document_is_kept_and_says_so() -> None:
    found = read(pdf(PICTURE, PICTURE))
    assert (found.problems, found.fields, found.content) == (("scanned_pdf",), {"pages": 2}, "")
    assert (found.title, found.provenance["title"]) == ("a report.pdf", "url@1")


def test_a_stamp_on_each_page_does_not_make_a_text_of_a_scan() -> None:
    stamped = PICTURE + b"\nBT /F1 8 Tf 10 10 Td (Scanned by the library) Tj ET"
    assert read(pdf(stamped, stamped, stamped)).problems == ("scanned_pdf",)


def test_scanned_pages_among_others_are_named() -> None:
    found = read(pdf(paragraph(700, *FULL), PICTURE, paragraph(700, "More."), b""))
    assert (found.problems, found.fields) == ((), {"pages": 4, "scanned_pages": [2]})


def test_an_empty_document_is_not_a_scanned_one() -> None:
    assert read(pdf(b"")).problems == ("no_text",)


def test_a_long_document_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "MAX_PAGES", 2)
    found = read(pdf(*(paragraph(700, f"{name}.", *FULL) for name in ("One", "Two", "Three"))))
    assert (found.flags, found.fields) == (("truncated",), {"pages": 3})
    assert "Two." in found.content
    assert "Three." not in found.content


@pytest.mark.thorough
def test_a_paragraph_of_a_thousand_pages_takes_time_in_proportion() -> None:
    lines = tuple(Line(WORDS.lower(), 10, 60, 440, 700 - 12 * number) for number in range(40))
    began = time.process_time()
    (only,) = blocks_of([PdfPage(lines)] * 500)
    assert len(only.text) == 500 * 40 * (len(WORDS) + 1) - 1
    assert time.process_time() - began < 10


ENCRYPTED = f"/Encrypt<</Filter/Standard/V 1/R 2/O<{'ab' * 32}>/U<{'cd' * 32}>/P -4>>/ID[<{'00' * 16}><{'00' * 16}>]"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "bad_pdf"),
        (b"%PDF-1.4 nonsense", "bad_pdf"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 400, "bad_pdf"),
        (b"x" * 5_000_000, "bad_pdf"),
        (pdf(paragraph(700, *FULL), trailer=ENCRYPTED), "encrypted_pdf"),
    ],
)
def test_what_cannot_be_read_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Permanent) as caught:
        read(body)
    assert caught.value.reason == reason


WHOLE = pdf(paragraph(700, *FULL), PICTURE, info="/Title(x y)/CreationDate(D:20260403)", catalog="/Lang(en)")


@given(
    st.integers(0, len(WHOLE)), st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=8)), max_size=9)
)
def test_a_damaged_document_is_read_or_refused_and_nothing_else(end: int, damage: list[tuple[int, bytes]]) -> None:
    body = bytearray(WHOLE)
    for place, noise in damage:
        body[place : place + len(noise)] = noise
    for damaged in (bytes(body), bytes(body[:end])):
        try:
            found = read(damaged)
        except Permanent as error:
            assert error.reason in {"bad_pdf", "encrypted_pdf"}  # noqa: PT017
        else:
            assert found.content or found.problems
