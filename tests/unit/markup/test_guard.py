"""Markup that would hang a parser is refused at once; what real pages do is let through."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.errors import Permanent
from tidemill.markup import guard, parse_html
from tidemill.markup.guard import check
from tidemill.markup.tags import HARMLESS, count_open_formats

MANY = 100_000


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        pytest.param("<div>" * MANY, "nesting_too_deep", id="nested"),
        pytest.param("<DIV>" * MANY, "nesting_too_deep", id="nested in capitals"),
        pytest.param("<ul><li>" * MANY, "nesting_too_deep", id="nested lists"),
        pytest.param("</x><div>" * MANY, "nesting_too_deep", id="end tags that close nothing"),
        pytest.param('<div title="</div>">' * MANY, "nesting_too_deep", id="end tags inside of attributes"),
        pytest.param('<div a">' * MANY, "nesting_too_deep", id="quotes that quote nothing"),
        pytest.param('<div a=="">' * MANY, "nesting_too_deep", id="quotes inside of a bare value"),
        pytest.param("<svg><p>" + "<path/>" * MANY, "nesting_too_deep", id="self-closing outside of SVG"),
        pytest.param("<!--><b>" * MANY, "nesting_too_deep", id="comments that end at once"),
        pytest.param("<svg><script/>" + "<g>" * MANY, "nesting_too_deep", id="a script in SVG hides nothing"),
        pytest.param(
            "<p>" + "".join(f"<font id={n}>" for n in range(2400)) + "</p>" + "<p>x</p>" * 2400,
            "nesting_too_deep",
            id="unclosed formats, opened again in each paragraph",
        ),
        pytest.param("<p " + " ".join(f"a{n}" for n in range(MANY)), "too_many_attributes", id="attributes"),
        pytest.param(
            "<p " + " ".join(f'a{n}=">"' for n in range(MANY)) + ">", "too_many_attributes", id="attributes that hide >"
        ),
        pytest.param(
            "<p " + " ".join(f"a{n}='<b>'" for n in range(MANY)) + ">", "too_many_attributes", id="attributes like tags"
        ),
    ],
)
def test_hostile_markup_is_refused_within_a_second(markup: str, reason: str) -> None:
    began = time.process_time()
    with pytest.raises(Permanent) as refused:
        parse_html(markup)
    assert refused.value.reason == reason
    assert time.process_time() - began < 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    "markup",
    [
        pytest.param("<table>" + "<tr><td>a<td>b" * 20_000, id="cells that are never closed"),
        pytest.param("<ul>" + "<li>x" * 20_000, id="items that are never closed"),
        pytest.param("<p>x" * 20_000, id="paragraphs that are never closed"),
        pytest.param("x<br>" * 20_000, id="void elements"),
        pytest.param('<svg><path d="M0"/></svg>' * 20_000, id="drawings"),
        pytest.param("<script>" + "if (a<b) '<div>';" * 20_000 + "</script>", id="tags inside of a script"),
        pytest.param("<!--" + "<div>" * 20_000 + "-->", id="tags inside of a comment"),
        pytest.param("<div><span>x</span></div>" * 20_000, id="many shallow elements"),
        pytest.param("<a href=x>y" * 20_000, id="links that are never closed"),
        pytest.param(f'<img src="data:{"x" * 300_000}">', id="one very long value"),
    ],
)
def test_real_pages_pass(markup: str) -> None:
    check(markup)


def test_bytes_are_decoded_before_they_are_parsed() -> None:
    tree = parse_html("<p>naïve".encode("cp1252"), "text/html; charset=iso-8859-1")
    assert tree.css_first("p").text() == "naïve"


_BITS = [
    "<em>",
    "</em>",
    '<code\tclass="x">',
    "</code>",
    '<span\ta="b">',
    "</span>",
    "<!--",
    "-->",
    '"',
    "'",
    '<b\ta"b="c>',
    '<i\tx=">',
    ">",
    "<div>",
    "</div>",
    "<li>",
    "<p>",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "x",
    "<em",
    "</em",
    '\ta="',
    '="',
    "<svg>",
    "</svg>",
    "<code/>",
    "<em>x</em>",
    "<code><span>y</span></code>",
    '<em><a href="/">y</a></em>',
    "<code><em><code>z</code></em></code>",
    "<!",
    "</",
    "<",
    "<textarea>",
    "</textarea>",
    "<title>",
]


@pytest.mark.thorough
@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(_BITS), max_size=16).map("".join))
def test_the_quick_look_never_counts_less_than_there_is(markup: str) -> None:
    """What it takes for closed where it stands may be open once at a time: itself and the two within it."""
    depth, formats = _most_open(markup)
    assert depth <= markup.count("<") - sum(1 + bool(pair) for pair in HARMLESS.findall(markup)) + 2
    assert formats <= count_open_formats(markup) + 3


def _most_open(markup: str) -> tuple[int, int]:
    """The greatest depth, and the most open formats, that the exact reader meets."""
    most = [0, 0]

    class Watching(guard._Reader):
        def check(self, position: int) -> None:
            most[:] = [max(most[0], self.depth), max(most[1], self.formats)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "_Reader", Watching)
        guard._read_through(markup)
    return most[0], most[1]
