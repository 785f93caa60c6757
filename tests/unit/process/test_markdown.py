"""Code is written so that every renderer sees it as code, and nothing else is left to run; HTML likewise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.markup.safe_html import safe_html
from tidemill.process.steps.markdown import make_safe


@pytest.mark.parametrize(
    ("markdown", "safe"),
    [
        ("```py\n<b>\n```", "```py\n<b>\n```"),
        ("~~~\n<b>\n~~~", "```\n<b>\n```"),
        ("```\n<b>\n   ```\n<b>", "```\n<b>\n```\n&lt;b>"),
        ("  ```\n<b>\n  ```\n<b>", "```\n<b>\n```\n&lt;b>"),
        ("- ```\n  <b>\n  ```\n<b>", "-\n```\n  <b>\n```\n&lt;b>"),
        ("> ```\n> <b>", "> \\`\\`\\`\n> &lt;b>"),
        ("a `b\n> ~~~ `<b>`\n`<b>`", "a `b\n> \\~\\~\\~ `&lt;b>`\n`&lt;b>`"),
        ("```\n```x\n<b>\n```", "````\n```x\n<b>\n````"),
        ('```py {onload="x"}\n<b>', "```py\n<b>\n```"),
        ("[12:01]: Alice: hello", "[12:01]: Alice: hello"),
        ("> [a]: javascript:x", "> [a]\\: javascript:x"),
        ("[a]:\njavascript:x", "[a]\\:\njavascript:x"),
        ("[a](\njavascript:x)", "[a]\\(\njavascript:x)"),
        ("[a] (javascript:x)", "[a] \\(javascript:x)"),
        ("[a](java\tscript:x)", "[a]\\(java\tscript:x)"),
        ("[![a](javascript:x)](/y)", "[![a](#)](/y)"),
        ("[a](javascript:x`) `b` c", "[a]\\(javascript:x`) `b` c"),
        ("[a](<b c>)", "[a](b%20c)"),
        ("[a](<\\`b c>`>)", "[a](&lt;\\`b c>`>)"),
        ("[a](<javascript:`b>)", "[a](&lt;javascript:`b>)"),
    ],
)
def test_code_and_targets(markdown: str, safe: str) -> None:
    assert make_safe(markdown) == safe


@given(st.text(alphabet="`~<>[]()\\ \n:#-*>ab.1javascript&;!", max_size=100))
def test_safe_markdown_stays_as_it_is(text: str) -> None:
    safe = make_safe(text)
    assert make_safe(safe) == safe


@pytest.mark.parametrize(
    ("html", "safe"),
    [
        ('<a href="java&#1;script:x">a</a>', '<a rel="noopener noreferrer nofollow">a</a>'),
        ('<p style="x" onclick="y" title="t">a</p>', '<p title="t">a</p>'),
        ("a > b & c", "a &gt; b &amp; c"),
        ("<textarea><b>x</b></textarea>y", "y"),
        ('<img src="data:x" alt="a"><img src="/b.png">', '<img alt="a"><img src="/b.png">'),
    ],
)
def test_safe_html(html: str, safe: str) -> None:
    assert safe_html(html) == safe


def test_html_that_would_hang_a_parser_is_shown_as_text() -> None:
    assert safe_html("<div>" * 20_000).startswith("&lt;div&gt;&lt;div&gt;")


@given(st.text(max_size=80) | st.text(alphabet="<>/&;\"'=ab #x1\x01\xa0script", max_size=80))
def test_safe_html_stays_as_it_is(text: str) -> None:
    safe = safe_html(text)
    assert safe_html(safe) == safe
