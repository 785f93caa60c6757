"""A page is read as blocks: what the walk over the tree makes of text, markup, tables, code and hostile pages."""

from __future__ import annotations

import time

import pytest

from tidemill.markup import parse_html
from tidemill.process.extract.blocks import Blocks, read_blocks
from tidemill.process.extract.measures import Measures, count_words
from tidemill.process.extract.scores import FEATURES, read_features, score_blocks
from tidemill.process.extract.signals import FURNITURE, ends_sentence, find_furniture, find_times


def blocks_of(markup: str) -> Blocks:
    return read_blocks(parse_html(markup).body)


def texts(markup: str) -> list[str]:
    return [block.text for block in blocks_of(markup).blocks]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("bare <b>text</b><p>one<p>two</p>tail", ["bare text", "one", "two", "tail"]),
        ("<my-box>own <my-word>element</my-word></my-box>", ["own", "element"]),
        ("<details><summary>More</summary>inside</details>", ["More", "inside"]),
        ("<figure><img src=x alt=y><figcaption>caption</figcaption></figure>", ["caption"]),
        ("<dl><dt>term<dd>meaning</dl>", ["term", "meaning"]),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字", ["漢(かん)字"]),
        ("<noscript><p>without scripts</noscript>", ["without scripts"]),
        ("<template>a</template><script>b</script><style>c</style><!-- d --><select><option>e</select>f", ["f"]),
        ("<h2>Title <a href='#t'>#</a></h2><a href='#n'>note</a>", ["Title", "note"]),
        ("<h2>Title<a href='#t'><span> ¶ </span></a></h2>", ["Title"]),
        ("<div> \n <span> </span><br></div>", []),
    ],
)
def test_text_is_read_in_its_order_and_none_is_lost(markup: str, expected: list[str]) -> None:
    assert texts(markup) == expected


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        ("<pre>\n  a\n    b </pre>", "  a\n    b"),
        ("<pre>a<br>  b<br>c</pre>", "a\n  b\nc"),
        ("<pre><div>a</div><div>b</div></pre>", "a\nb"),
        ("<pre><code><span>a\n</span><span>b</span></code></pre>", "a\nb"),
    ],
)
def test_code_keeps_its_lines(markup: str, code: str) -> None:
    assert texts(markup) == [code]


def test_the_language_of_code_is_read_from_its_classes() -> None:
    found = blocks_of('<pre><code class="hljs language-Rust">fn</code></pre><pre class=x>y</pre>')
    assert [block.language for block in found.blocks] == ["rust", ""]


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("<table><tr><th>a<th>b<tr><td>c<td>d</table>", 2),
        ("<table><caption>x</caption><tbody><tr><td><p>a</p><td>b</table>", 1),
        ("<table role=presentation><tr><td>a<td>b</table>", 0),
        ("<table><tr><td><h2>a</h2><td>b</table>", 0),
        ("<table><tr><td><p>a</p> <p>b</p></table>", 0),
        ("<table><tr><td><table><tr><td>a<td>b</table></table>", 1),
        (f"<table><tr><td>{'long ' * 90}<td>b</table>", 1),
        (f"<table><tr><td>{'long ' * 200}<td>b</table>", 0),
    ],
)
def test_rows_of_data_are_blocks_and_tables_that_arrange_a_page_are_not(table: str, rows: int) -> None:
    found = blocks_of(table)
    assert sum(found.container(block).tag == "tr" for block in found.blocks) == rows


@pytest.mark.parametrize(
    "markup",
    [
        "<div hidden>x</div>",
        "<div style='display:none'>x</div>",
        "<div style='color: red; DISPLAY :\n none !important'>x</div>",
    ],
)
def test_what_is_hidden_is_told(markup: str) -> None:
    found = blocks_of(markup)
    assert found.container(found.blocks[0]).is_hidden


def test_items_have_the_numbers_that_the_list_gives_them() -> None:
    found = blocks_of(
        "<ol start=5><li>a<li>b<li value=9>c<li>d</ol><ol><li>e</ol><ol start=-3><li>f</ol><ul><li>g</ul>"
    )
    assert [found.container(block).number for block in found.blocks] == [5, 6, 9, 10, 1, 1, 0]


def test_markup_that_spans_blocks_is_closed_and_opened_again() -> None:
    found = blocks_of("<b><a href=/x><p>one</p><p>two</p></a></b>")
    assert [[part if isinstance(part, str) else part.sign for part in block.parts] for block in found.blocks] == [
        ["**", "a", "one", "a", "**"],
        ["**", "a", "two", "a", "**"],
    ]
    assert [block.link_chars for block in found.blocks] == [3, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one", 1),
        ("one two three", 3),
        ("x" * 500, 1),
        ("潮汐磨坊在九十年后再次转动起来了今天水轮开始转动", 12),
        ("é " * 3 + "é", 4),
    ],
)
def test_words_are_counted_by_characters_where_a_script_writes_no_spaces(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("text", "is_end"), [("A.", True), ("A.”)", True), ("A", False), ("", False), (")))))", False)]
)
def test_the_end_of_a_sentence_is_seen_behind_quotation_marks(text: str, is_end: bool) -> None:
    assert ends_sentence(text) is is_end


def test_phrases_and_times_are_found_in_the_texts_that_hold_them() -> None:
    given = ["", "Subscribe", "news", "letter", "at 12:30", "", "İİİ", "Newsletter", "2", "026", "an hour ago"]
    assert find_furniture(given) == {1, 7}
    assert find_times(given) == {4, 10}
    assert all(phrase == phrase.lower() and "\n" not in phrase for phrase in FURNITURE)


def test_each_block_has_all_features() -> None:
    found = blocks_of("<h1>Title</h1><p>One sentence of a few words, and of some more.</p><ul><li>a<li>b</ul>")
    measures = Measures(found)
    assert [len(row) for row in read_features(found, measures)] == [len(FEATURES)] * 4
    assert len(score_blocks(found, measures)[0]) == 4


HOSTILE = {
    "nested elements": "<div>" * 2_900 + "x",
    "one long text": "<p>" + "word " * 200_000,
    "one long word": "<p>2020 " + "a1" * 200_000,
    "many blocks": "<p>x y z" * 8_000,
    "many breaks": "<p>" + "x<br>" * 20_000,
    "many items": "<ol>" + "<li>a b" * 6_000,
    "many rows": "<table>" + "<tr><td>a<td>b" * 4_000,
    "many cells": "<table><tr>" + "<td>a" * 8_000,
    "many marks": "<p>" + "<b>x</b>" * 8_000,
    "open marks around many blocks": "<b><i><a href=x>" + "<p>x</p>" * 6_000,
    "links within links": "<a href=#><marquee>" * 1_400 + "x" * 200_000,
    "many permalinks": "<h2>x<a href=#a>#</a></h2>" * 4_000,
    "many classes": "<div class='" + " ".join(f"c{place}" for place in range(10_000)) + "'>x</div>",
    "tables within tables": "<table><tr><td>" * 300 + "<p>x" * 4_000,
    "paragraphs in one cell": "<table><tr><td>" + "<span>x</span>" * 8_000 + "</table>",
    "many code blocks": "<pre>x</pre>" * 4_000,
    "breaks in code": "<pre>" + "a<br>" * 10_000,
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", HOSTILE)
def test_it_takes_time_in_proportion_to_the_page(name: str) -> None:
    tree = parse_html(HOSTILE[name])
    began = time.process_time()
    found = read_blocks(tree.body)
    score_blocks(found, Measures(found))
    assert time.process_time() - began < 3
