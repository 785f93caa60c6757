"""Streams of pages to streams of documents: order kept, bad lines reported, nothing ends the run."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest
from tests.unit.process.pages import PROSE, html, jsonld

from tidemill.process import jsonl
from tidemill.process.jsonl import Tally, extract_lines, extract_one, sniff_content_type
from tidemill.settings.tree import ProcessSettings


async def run(*lines: object, **settings: Any) -> tuple[list[dict[str, Any]], Tally]:
    source = b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines)
    output = io.BytesIO()
    tally = await extract_lines(io.BytesIO(source), output, ProcessSettings(**{"workers": 2, **settings}))
    return [orjson.loads(line) for line in output.getvalue().splitlines()], tally


async def test_each_line_gives_one_line_in_order_whatever_is_wrong_with_it() -> None:
    event = {"@type": "Event", "name": "Fair", "startDate": "2026-06-01T10:00:00Z"}
    markup = html(title="The mill turns", lang="en")
    found, tally = await run(
        {"id": "a", "url": "https://mill.example/a", "html": markup},
        b"{not json",
        {"id": 7, "url": "https://mill.example/b"},
        b"\xff\xfe",
        {"id": "deep", "html": "<div>" * 100_000},
        {"id": "empty", "html": ""},
        {"url": "https://mill.example/c", "html": html(jsonld({"@type": "Article", "headline": "Fair again"}, event))},
        [],
        {"id": "z", "html": markup},
    )
    assert [line["id"] for line in found] == ["a", 2, 7, 4, "deep", "empty", 7, 8, "z"]
    assert ["error" in line for line in found] == [False, True, True, True, True, False, False, True, False]
    assert (tally.lines, tally.errors) == (9, 5)
    first, both = found[0], found[6]
    assert (first["title"], first["language"], first["kind"]) == ("The mill turns", "en", "article")
    assert PROSE.split("\n")[0] in first["content"]
    assert "JSON" in found[1]["error"]
    assert '"html"' in found[2]["error"]
    assert found[4]["error"] == "nesting_too_deep"
    assert (found[5]["content"], found[5]["problems"]) == ("", ["empty_content"])
    assert (both["kind"], [item["kind"] for item in both["items"]]) == ("article", ["event"])
    assert both["items"][0]["fields"]["start"] == "2026-06-01T10:00:00+00:00"


async def test_a_line_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1000)
    found, tally = await run({"id": 1, "html": "<p>" + "x" * 5000}, {"id": 2, "html": "<p>short</p>"})
    assert "longer than 1000 bytes" in found[0]["error"]
    assert found[1]["id"] == 2
    assert (tally.lines, tally.errors) == (2, 1)


async def test_many_lines_stay_in_order() -> None:
    found, tally = await run(*({"id": n, "html": f"<p>{'word ' * (300 - n)}</p>"} for n in range(100)))
    assert [line["id"] for line in found] == list(range(100))
    assert tally.errors == 0


def test_one_file() -> None:
    line = extract_one(html(title="The mill turns").encode(), url="https://mill.example/a")
    assert (line["title"], line["url"], line["items"]) == ("The mill turns", "https://mill.example/a", [])
    assert extract_one(b"Just a note of some few words")["kind"] == "text"
    assert extract_one(b"%PDF-1.4 broken")["error"] == "bad_pdf"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><p>", "text/html"),
        (b"<div>x</div>", "text/html"),
        (b"1 < 2", "text/plain"),
        (b"", "text/plain"),
    ],
)
def test_the_first_bytes_tell_the_type(body: bytes, content_type: str) -> None:
    assert sniff_content_type(body) == content_type
