"""What goes into a file of documents comes out of it again, and no cell of it is run by a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.deliver.export.formats import COLUMNS, FORMATS, Record, format_of, writer_of
from tidemill.deliver.export.table import cell_of, defused, undefused
from tidemill.errors import Invalid
from tidemill.manage.documents import record
from tidemill.models.document import Document, DocumentState, Draft

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["=1+1", "@SUM(A1)", "+1", "-1", "'=1", "''=1", "'", " =1", "\t=1", "\r\n=x", "＝1", 'say "x", y', "a\nb", "\u2028"]
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
FIELDS = st.dictionaries(TEXTS, VALUES | st.lists(VALUES, max_size=3), max_size=4)
DRAFTS = st.builds(
    Draft,
    kind=st.just("article"),
    title=TEXTS,
    author=st.none() | TEXTS,
    content=TEXTS,
    markdown=TEXTS,
    summary=st.none() | TEXTS,
    published_at=st.none() | st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    word_count=st.integers(0, 10**6),
    tags=st.lists(TEXTS, max_size=3).map(tuple),
    fields=FIELDS,
)
RECORDS = st.lists(DRAFTS.map(lambda draft: record(document(draft))), max_size=5)


def document(draft: Draft) -> Document:
    return Document(
        id="0" * 32,
        source="s",
        page_id="p",
        url="https://s.example/",
        state=DocumentState.CURRENT,
        version=1,
        duplicate_of=None,
        similarity=None,
        capture_id="c",
        fetched_at=MOMENT,
        first_seen_at=MOMENT,
        updated_at=MOMENT,
        draft=draft,
    )


def written(name: str, records: Sequence[Record]) -> bytes:
    """A file, written in two batches."""
    out = io.BytesIO()
    writer = writer_of(format_of(name), out)
    writer.add(records[:2])
    writer.add(records[2:])
    writer.close()
    return out.getvalue()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_the_columns_are_what_a_record_holds_in_its_order() -> None:
    assert list(record(document(Draft("article")))) == list(COLUMNS)


@pytest.mark.thorough
@given(RECORDS)
def test_json_lines_are_read_back_as_they_were(records: list[dict[str, Any]]) -> None:
    lines = written("jsonl", records).split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == records
    assert all(list(json.loads(line)) == list(COLUMNS) for line in lines)


@given(RECORDS)
def test_csv_is_read_back_as_it_was(records: list[dict[str, Any]]) -> None:
    rows = rows_of(written("csv", records))
    assert len(rows) == len(records)
    for row, expected in zip(rows, records, strict=True):
        for name, value in expected.items():
            if isinstance(value, str | None):
                assert undefused(row[name]) == (value or "")
            elif isinstance(value, list | dict):
                assert json.loads(row[name]) == value
            else:
                assert row[name] == str(value)


@given(TEXTS)
def test_no_cell_is_a_formula_and_no_text_is_lost(text: str) -> None:
    cell = defused(text)
    assert undefused(cell) == text
    assert cell.strip("\ufeff \u00a0\u3000")[:1] not in {*"=+-@\t\r\n＝＋－＠"}
    assert len(cell) <= len(text) + 1


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1", "-2+3", "@x", "\t=1", "\r=1", "\n=1", " =1", "＝1", "'=1", "\ufeff=1"]
)
def test_what_spreadsheets_run_gets_an_apostrophe(text: str) -> None:
    assert defused(text) == "'" + text


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "it's", "'quoted'", "2026-03-04", "über"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert cell_of(text) == text


def test_an_empty_table_has_its_header() -> None:
    assert written("csv", []) == ",".join(COLUMNS).encode() + b"\r\n"
    assert written("jsonl", []) == b""


def test_what_json_knows_and_64_bits_do_not() -> None:
    (row,) = rows_of(written("csv", [record(document(Draft("article", fields={"huge": 10**30})))]))
    assert json.loads(row["fields"]) == {"huge": 10**30}


@pytest.mark.thorough
@settings(max_examples=15)
@given(RECORDS)
def test_parquet_is_read_back_as_it_was(records: list[dict[str, Any]]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(written("parquet", records)))
    assert table.column_names == list(COLUMNS)
    for row, expected in zip(table.to_pylist(), records, strict=True):
        assert row["title"] == expected["title"]
        assert json.loads(row["fields"]) == expected["fields"]
        assert row["tags"] == expected["tags"]
        at = row["published_at"]
        assert (at.isoformat() if at else None) == expected["published_at"]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(Invalid, match="csv") as caught:
        format_of("xls")
    assert caught.value.reason == "export_format"
    assert {each.extension for each in FORMATS.values()} == {"jsonl", "csv", "parquet"}
