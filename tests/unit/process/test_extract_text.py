"""Plain text is shown as it is: its lines, its columns, and its marks, which are none of markdown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.unit.process.pages import capture

from tidemill.models.document import Draft
from tidemill.process.extract.page import Page
from tidemill.process.extract.text import as_markdown, extract_text, first_line


def read(text: str, url: str = "https://mill.example/notes/read%20me.txt") -> Draft:
    (only,) = extract_text(Page(capture(url, "text/plain; charset=utf-8"), text.encode()))
    return only


def shown(markdown: str) -> str:
    """What a reader of the rendered markdown sees, each line of a paragraph on its own."""
    parts: list[str] = []
    for token in MarkdownIt().parse(markdown):
        if token.type == "inline":
            children = token.children or []
            parts.append(
                "".join("\n" if child.type in ("hardbreak", "softbreak") else child.content for child in children)
            )
            assert {child.type for child in children} <= {"text", "hardbreak", "text_special"}
        elif token.type == "fence":
            parts.append(token.content.rstrip("\n"))
        else:
            assert token.type in ("paragraph_open", "paragraph_close")
    return "\n\n".join(parts)


@pytest.mark.parametrize(
    "text",
    [
        "A note\n\nwith *stars*, _lines_ and <tags>",
        "one line\nand another\n\nnext",
        "# no heading\n- no item\n1. nor this\n> no quote\n---\n===",
        "![no](image) [no](link) `code` \\ | ~~x~~",
        "Name      Age\nAnn        41",
        "    def f():\n        return `x` + ```y```",
        "a\tb\nc\td",
        "1) a\n2) b\n+ c",
        "text\n===",
        "&amp; stays",
    ],
)
def test_it_is_shown_as_it_is(text: str) -> None:
    found = read(text)
    assert found.content == text
    assert shown(found.markdown) == text


def test_its_title_is_its_first_line_or_else_the_name_of_its_file() -> None:
    found = read("\n  A   note \n\nand more")
    assert (found.kind, found.title, found.provenance["title"]) == ("text", "A note", "text@1 first line")
    nameless = read(" \n\n")
    assert (nameless.title, nameless.provenance["title"]) == ("read me.txt", "url@1")
    assert len(first_line("x" * 500)) == 120


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text", ["\n" * 500_000 + "x", " " * 500_000 + "x", "x\n \n" * 200_000, "x" * 2_000_000, "`" * 500_000]
)
def test_it_takes_time_in_proportion_to_its_length(text: str) -> None:
    began = time.process_time()
    read(text)
    as_markdown(text)
    assert time.process_time() - began < 5


@given(st.text(st.sampled_from("ab 1.)#-+=>*_`~[]()!\\\n\t&<|"), max_size=30))
def test_no_letter_of_it_is_lost_or_taken_for_markup(text: str) -> None:
    assert "".join(shown(read(text).markdown).split()) == "".join(text.split())
