"""Blocks are written as markdown that renderers read as it is meant, with the words of the plain text."""

from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tidemill.process.extract.maintext import read_fragment
from tidemill.process.steps.markdown import make_safe

URL = "https://mill.example/news/"
RENDERER = MarkdownIt("commonmark").enable("table")


def markdown(markup: str) -> str:
    return read_fragment(markup, URL).markdown


def shown(text: str) -> str:
    """What a renderer makes of markdown, as HTML on one line."""
    return RENDERER.render(text).replace("\n", "")


def words(rendered: str) -> str:
    return "".join(html.unescape(re.sub(r"<[^>]*>", "", rendered)).split())


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<h2>A <b>b</b></h2><p>c", "## A b\n\nc"),
        ("<h3>C #</h3>", "### C \\#"),
        ("<p>a <b>b</b> <i>c</i> <code>d`e</code>", "a **b** *c* ``d`e``"),
        ("<p>a<br>b", "a\\\nb"),
        ("<p><a href=/x>a <b>b</b></a>", "[a **b**](https://mill.example/x)"),
        ("<a href=x><p>a<p>b</a>", "[a](https://mill.example/news/x)\n\n[b](https://mill.example/news/x)"),
        ("<a href='javascript:alert(1)'>a</a>", "a"),
        ("<a href='  java\nscript:alert(1)'>a</a>", "a"),
        ("<a href='data:text/html,x'>a</a>", "a"),
        ("<a href='/x y(z)'>a</a>", "[a](https://mill.example/x%20y%28z%29)"),
        ("<blockquote><p>a<p>b</blockquote>c", "> a\n>\n> b\n\nc"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
        ("<ul><li>a<ol><li>b<li>c</ol><li>d</ul>", "- a\n  1. b\n  2. c\n- d"),
        ("<ol><li>a<ul><li>b</ul>c</ol>", "1. a\n   - b\n\n   c"),
        ("<ul><li><p>a<p>b<li>c</ul>", "- a\n\n  b\n- c"),
        ("<blockquote><ul><li>a<li>b</ul></blockquote>", "> - a\n> - b"),
        ("<ul><li><blockquote>a<p>b</blockquote></ul>", "- > a\n  >\n  > b"),
        ("<ul><li><h3>a</h3>b</ul>", "- ### a\n\n  b"),
        ("<pre>a\n  b</pre>", "```\na\n  b\n```"),
        ("<pre>a\n```\nb</pre>", "````\na\n```\nb\n````"),
        ("<ul><li>a<pre>b\n c</pre><li>d</ul>", "- a\n\n```\nb\n c\n```\n\n- d"),
        ("<blockquote>a<pre>b</pre>c</blockquote>", "> a\n\n```\nb\n```\n\n> c"),
        ("<table><tr><th>a<th>b<tr><td>c|d<td>e</table>", "| a | b |\n| --- | --- |\n| c\\|d | e |"),
        ("<table><tr><th colspan=2>a<tr><td>b<td>c</table>", "| a |  |\n| --- | --- |\n| b | c |"),
        ("<img src=x alt=picture>a", "a"),
    ],
)
def test_what_a_page_shows_keeps_its_form(markup: str, expected: str) -> None:
    assert markdown(markup) == expected


@pytest.mark.parametrize(
    ("markup", "rendered"),
    [
        (
            "<p>1. a<p>- b<p>&gt; c<p># d<p>+ e<p>2026. f",
            "<p>1. a</p><p>- b</p><p>&gt; c</p><p># d</p><p>+ e</p><p>2026. f</p>",
        ),
        ("a<br>---<br>===<br>1.<br>~~~", "<p>a<br />---<br />===<br />1.<br />~~~</p>"),
        ("a | b<br>:-- | --:<br>c | d", "<p>a | b<br />:-- | --:<br />c | d</p>"),
        ("&lt;<span>script&gt;</span>", "<p>&lt;script&gt;</p>"),
        ("<code>&lt;b&gt;<br>&lt;i&gt;</code>", "<p><code>&lt;b&gt;</code><br /><code>&lt;i&gt;</code></p>"),
        ("<code>x<a href=/y>y</a></code>", "<p><code>xy</code></p>"),
        ("&amp;lt; &amp;<span>amp;</span> R&amp;D", "<p>&amp;lt; &amp;amp; R&amp;D</p>"),
        ("see!<a href=/x>a</a>", '<p>see!<a href="https://mill.example/x">a</a></p>'),
        ("[a]: /x", "<p>[a]: /x</p>"),
        ("snake_case __init__ 2*3*4", "<p>snake_case __init__ 2*3*4</p>"),
        (
            "<b>Note:</b>text <b>a</b><b>b</b> <b>c</b><i>d</i>",
            "<p>Note:text <strong>ab</strong> <strong>c</strong>d</p>",
        ),
        ("un<b>believ</b>able<b> </b><i>「潮」</i>の", "<p>un<strong>believ</strong>able 「潮」の</p>"),
        ("<code>a</code><code>b</code>`c`", "<p><code>ab</code>`c`</p>"),
        ("<ol><li>a<ul><li>b<ol><li>c</ol></ul></ol>", "<ol><li>a<ul><li>b<ol><li>c</li></ol></li></ul></li></ol>"),
        ("<ul><ul><ul><li>a</ul></ul></ul>", "<ul><li>a</li></ul>"),
        ("<p dir=rtl>مرحبا <b>بالعالم</b></p>", "<p>مرحبا <strong>بالعالم</strong></p>"),
    ],
)
def test_a_renderer_shows_what_the_page_shows(markup: str, rendered: str) -> None:
    assert shown(markdown(markup)) == rendered


def test_plain_text_has_the_marks_of_lists_and_tables_and_none_of_markup() -> None:
    text = read_fragment("<h2>A</h2><ol><li>b <b>c</b></ol><table><tr><td>d<td>e</table>x<br>y", URL).text
    assert text == "A\n1. b c\nd | e\nx\ny"


PIECES = st.sampled_from(
    "<p> </p> <b> </b> <i> </i> <code> </code> <br> <ul> </ul> <ol> </ol> <li> </li> <blockquote> </blockquote> <pre> "
    "</pre> <h2> </h2> <a|href=/x> </a> <table> <tr> <td> </table> <div> </div> a b. * _ ` ``` # - 1. | [c](d) ! &amp; "
    "&lt;d&gt; &amp;lt; ~ \\ ( : 潮 「 | |".replace("<a|", "<a\0").split(" ")
).map(lambda piece: piece.replace("\0", " ") or " ")


@settings(max_examples=40)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_rendered_markdown_has_the_words_of_the_plain_text_in_their_order(markup: str) -> None:
    found = read_fragment(markup, URL)
    rendered = RENDERER.render(found.markdown)
    marks = re.sub(r"^(?:- |\d+\. )", "", found.text, flags=re.MULTILINE)
    assert _letters(words(rendered)) == _letters("".join(marks.split()))
    assert not re.search(r"<(?:d|img|hr)\b", rendered)


@settings(max_examples=40)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_it_is_safe_to_show_as_it_is(markup: str) -> None:
    safe = make_safe(markdown(markup))
    assert words(RENDERER.render(safe)) == words(RENDERER.render(markdown(markup)))


def _letters(text: str) -> str:
    """Without what stands for bullets and borders of cells in plain text."""
    return re.sub(r"[-|\d.]", "", text)


@given(st.text(max_size=200) | st.lists(PIECES, max_size=20).map("".join))
def test_any_markup_can_be_read(markup: str) -> None:
    found = read_fragment(markup, URL)
    assert bool(found.text) == bool(found.markdown)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "markup",
    ["<blockquote>" * 2_000 + "<p>x" * 5_000, "<ul><li>x" * 1_000 + "<p>x" * 5_000,
     "<p>" + "<code>`x`</code>!" * 10_000,
     "<p>" + "`*_&amp;" * 30_000, "<pre>" + "`" * 300_000 + "</pre>", "<table>" + "<tr><td>a<td>b" * 5_000],
    ids=["quotes", "lists", "code", "signs", "ticks", "rows"],
)  # fmt: skip
def test_it_takes_time_in_proportion_to_the_page(markup: str) -> None:
    began = time.process_time()
    read_fragment(markup, URL)
    assert time.process_time() - began < 3
