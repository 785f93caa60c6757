"""The text of an element is what a browser shows of it, however it is nested."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.markup import parse_html
from tidemill.process.extract.fragments import text_of_markup
from tidemill.process.extract.visible import text_of_node


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("a  b\n c", "a b c"),
        ("a<b>b</b> <i> c</i>", "ab c"),
        ("<p>one</p> <p>two", "one\n\ntwo"),
        ("<div>one</div><div>two <div>three</div></div>", "one\ntwo\nthree"),
        ("<p>one <br> two<br><br>three", "one\ntwo\n\nthree"),
        ("<ul><li>a<li>b</ul>c", "a\nb\n\nc"),
        ("<table><tr><td>a<td>b<tr><th>c<td>d</table>", "a b\nc d"),
        ("<pre>  x\n    y </pre>z", "x\n    y\n\nz"),
        ("a<script>b</script><style>c</style><template>d</template><!-- e --><noscript>f</noscript>g", "ag"),
        ("&lt;p&gt; &amp; &nbsp;", "<p> &"),
        ("<h2>A</h2>\n\n<section>b</section>", "A\n\nb"),
    ],
)
def test_text(markup: str, text: str) -> None:
    assert text_of_markup(markup) == text


def test_an_element_that_is_nested_very_deeply_is_read() -> None:
    assert text_of_markup("<div>" * 2_900 + "x") == "x"


PIECES = st.sampled_from(
    ["<p>", "</p>", "<b>", "</b>", "<br>", "<li>", "<td>", "<table>", "</table>", "a", " ", "b c", "<pre>"]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_every_word_is_there_in_its_order_and_no_space_is_left_over(markup: str) -> None:
    body = parse_html(markup).body
    assert body is not None
    text = text_of_node(body)
    assert "".join(text.split()) == "".join(body.text().split())
    assert text == text.strip()
    assert "\n\n\n" not in text or "<br>" in markup or "<pre>" in markup
