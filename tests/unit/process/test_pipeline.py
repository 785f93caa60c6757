"""One capture in, its documents out: articles, events, PDF, text, and pages that are at fault themselves."""

from __future__ import annotations

import time

import pytest
from tests.unit.process.pages import PROSE, capture, html, jsonld

from tidemill.models.document import Draft, Processed
from tidemill.models.source import ProcessRules
from tidemill.process.pipeline import process

RULES = ProcessRules()
EVENT = {
    "@type": "MusicEvent",
    "name": "Concert at the mill",
    "startDate": "2026-06-01T19:00:00+01:00",
    "endDate": "2026-06-01T21:00:00+01:00",
    "location": {
        "@type": "Place",
        "name": "The mill",
        "address": {"streetAddress": "1 Quay", "addressLocality": "Weir"},
    },
    "organizer": {"@type": "Organization", "name": "Mill Trust"},
    "url": "/events/concert",
    "description": "Music &amp; <b>bread</b>.",
}


def run(
    markup: str | bytes, content_type: str = "text/html; charset=utf-8", url: str = "https://mill.example/a.html"
) -> Processed:
    body = markup.encode() if isinstance(markup, str) else markup
    return process(capture(url, content_type), body, RULES)


def only(result: Processed) -> Draft:
    assert len(result.drafts) == 1, result
    return result.drafts[0]


def test_an_article_has_text_markdown_and_all_that_follows_from_them() -> None:
    body = "<h1>The mill turns</h1><h2>News</h2>" + "".join(f"<p>{line}</p>" for line in PROSE.split("\n"))
    body += '<ul><li>one fine thing</li><li>another <a href="/b">link</a></li></ul>'
    draft = only(run(html(body=body, title="The mill turns", lang="en")))
    assert (draft.kind, draft.item_key, draft.title, draft.language) == ("article", "", "The mill turns", "en")
    assert "turns again after ninety years" in draft.content
    assert "](" not in draft.content
    assert "## News" in draft.markdown
    assert "[link](https://mill.example/b)" in draft.markdown
    assert "Home" not in draft.content
    assert draft.word_count > 90
    assert draft.reading_time_minutes == 1
    assert draft.summary is not None
    assert draft.summary.split(". ")[0] in " ".join(draft.content.split())
    assert (draft.problems, draft.flags) == ((), ())
    assert draft.provenance["content"] == "blocks@1"
    assert len(draft.content_hash) == len(draft.fingerprint) == 64


def test_the_same_capture_gives_the_same_documents() -> None:
    markup = html(jsonld(EVENT, {**EVENT, "name": "Other", "url": "/events/other"}))
    assert run(markup) == run(markup)


def test_a_calendar_gives_its_events_and_nothing_else() -> None:
    result = run(html(jsonld(EVENT, {**EVENT, "startDate": "2026-06-08T19:00:00+01:00"}), title="Calendar"))
    assert [draft.kind for draft in result.drafts] == ["event", "event"]
    assert len({draft.item_key for draft in result.drafts}) == 2
    assert len({draft.content_hash for draft in result.drafts}) == 2
    first = result.drafts[0]
    assert first.fields == {
        "start": "2026-06-01T19:00:00+01:00",
        "end": "2026-06-01T21:00:00+01:00",
        "location": "The mill, 1 Quay, Weir",
        "organizer": "Mill Trust",
        "url": "https://mill.example/events/concert",
    }
    assert first.content == "Music & bread."
    assert first.problems == ()


def test_events_nested_in_a_list_are_found_and_counted_once() -> None:
    listed = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": EVENT}, {"item": EVENT}]}
    assert only(run(html(jsonld(listed), title="Concert at the mill"))).title == "Concert at the mill"


def test_the_page_of_one_event_is_that_event_with_the_pages_text() -> None:
    draft = only(run(html(jsonld(EVENT), title="Concert at the mill", lang="en")))
    assert (draft.kind, draft.title, draft.language) == ("event", "Concert at the mill", "en")
    assert "turns again after ninety years" in draft.content


@pytest.mark.parametrize(
    ("name", "title", "kinds"),
    [
        ("Jazz", "Jazz in the park", ["event"]),
        ("Art", "How the party was won", ["article", "event"]),
        ("A", "Many things", ["article", "event"]),
    ],
)
def test_a_page_is_named_after_an_event_by_whole_words(name: str, title: str, kinds: list[str]) -> None:
    result = run(html(jsonld({**EVENT, "name": name}), title=title))
    assert sorted(draft.kind for draft in result.drafts) == kinds


def test_an_article_that_announces_an_event_gives_both() -> None:
    result = run(html(jsonld({"@type": "Article", "headline": "Music again"}, EVENT)))
    assert sorted(draft.kind for draft in result.drafts) == ["article", "event"]


def test_a_time_without_a_zone_is_read_in_utc_and_flagged() -> None:
    draft = run(html(jsonld({**EVENT, "startDate": "2026-06-01T19:00"}, EVENT))).drafts[0]
    assert draft.fields["start"] == "2026-06-01T19:00:00+00:00"
    assert "zone_assumed" in draft.flags


def test_plain_text() -> None:
    draft = only(run("\n  A note  \n\nwith *stars* and <tags> in a few words\n", "text/plain"))
    assert (draft.kind, draft.title) == ("text", "A note")
    assert draft.content == "A note\n\nwith *stars* and <tags> in a few words"
    assert draft.markdown == "  A note\n\nwith \\*stars\\* and &lt;tags\\> in a few words"


def test_text_without_a_line_is_called_after_its_file() -> None:
    draft = only(run("", "text/plain", "https://mill.example/notes/read%20me.txt"))
    assert (draft.title, draft.problems) == ("read me.txt", ("empty_content",))


def pdf(*lines: str) -> bytes:
    """A PDF with one page that shows `lines`; none of them makes it a picture."""
    text = " ".join(f"({line}) Tj 0 -20 Td" for line in lines)
    stream = f"BT /F1 12 Tf 50 700 Td {text} ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Title(Report of the mill)/Author(Ann Weir)/CreationDate(D:20260403100000+02'00')>>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size 7/Root 1 0 R/Info 6 0 R>>\nstartxref\n%d\n%%%%EOF" % len(body)
    return body + b"xref\n0 7\n0000000000 65535 f \n" + table + trailer


def test_pdf() -> None:
    draft = only(run(pdf("The first line of the report", "and the second one"), "application/pdf"))
    assert (draft.kind, draft.title, draft.author) == ("pdf", "Report of the mill", "Ann Weir")
    assert draft.content == "The first line of the report\nand the second one"
    assert draft.fields == {"pages": 1}
    assert draft.published_at is not None
    assert draft.published_at.isoformat() == "2026-04-03T08:00:00+00:00"


def test_a_pdf_without_text_is_invalid_and_says_why() -> None:
    assert only(run(pdf(), "application/pdf")).problems == ("no_text", "empty_content")


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"%PDF-1.4 nonsense", "application/pdf", "bad_pdf"),
        (b"\x00\x01\x02" * 100, "text/html", "undecodable"),
        (b"<div>" * 100_000 + b"x", "text/html", "nesting_too_deep"),
        (b"GIF89a", "image/gif", "unsupported_media_type"),
    ],
)
def test_what_is_the_pages_own_fault_is_a_reason_not_an_exception(body: bytes, content_type: str, reason: str) -> None:
    began = time.process_time()
    assert run(body, content_type) == Processed("c1", (), reason)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("markup", ["", "<html></html>", "<p></p>", "<body><script>var a = 1;</script></body>"])
def test_an_empty_page_is_an_invalid_document(markup: str) -> None:
    assert only(run(markup)).problems == ("empty_content",)


def test_a_short_page_keeps_its_words_together() -> None:
    draft = only(
        run("<html><title>T</title><body><p>Some <a href=/x>linked</a> words in <b>one</b> line.</p></body></html>")
    )
    assert draft.content == "Some linked words in one line."


def test_charset_flags_reach_the_document() -> None:
    draft = only(run(html(body="<p>El niño comió jamón y se marchó mañana al molino.</p>" * 4).encode("cp1252")))
    assert "charset_misdeclared" in draft.flags
    assert "niño comió" in draft.content


def test_mojibake_is_repaired_before_anything_reads_the_page() -> None:
    broken = "It’s a café — naïve, isn’t it?".encode().decode("cp1252")
    draft = only(run(html(body=f"<p>{broken}</p>" + f"<p>{PROSE}</p>", title=broken)))
    assert "It’s a café — naïve" in draft.content
    assert draft.title.startswith("It’s a café")
    assert "mojibake_repaired" in draft.flags


@pytest.mark.parametrize(
    ("body", "content", "markdown"),
    [
        (
            "<h1>X</h1><p>Short <em>text</em> only.</p><p>Second <a href=/x>paragraph</a>.</p>",
            "X\nShort text only.\nSecond paragraph.",
            "# X\n\nShort *text* only.\n\nSecond [paragraph](https://mill.example/x).",
        ),
        ("<div>Just <b>text</b><br>in a box</div>", "Just text\nin a box", None),
    ],
)
def test_short_pages_keep_their_structure(body: str, content: str, markdown: str | None) -> None:
    page = f"<title>T</title><nav><a href=/>Home</a></nav><article>{body}</article><footer>(c) me</footer>"
    draft = only(run(page))
    assert draft.content == content
    assert markdown is None or draft.markdown == markdown
