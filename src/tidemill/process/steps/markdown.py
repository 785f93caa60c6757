"""Makes markdown safe to render: no raw HTML, no links that run something.

Comes in: markdown; goes out: markdown that shows the same text. Called by `clean`.

Where one renderer might see code and another might not, nothing is taken for code: a fence counts only at the left
margin, an inline span only while every line of its paragraph closes the spans that it opens (CommonMark 0.31).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

_SPECIAL = re.compile(r"[`~<\]]")
_FENCE = re.compile(r"(`{3,}|~{3,})([^\n]*)$")
_TICKS = re.compile(r"(\\*)(`+)")
_TAG = re.compile(r"(\\*)<(?=[a-zA-Z/!?])")
_ANGLE_TARGET = re.compile(r"(?<!\\)\]\(\s*<([^<>\n]*)>")
_TARGET = re.compile(r"(\]\(\s*|^ {0,3}\[[^\]\n]+\]:\s*)([^\s()<>]*)")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*):")
_SAFE_SCHEMES = frozenset(("http", "https", "mailto", "tel", "ftp"))
_NOT_IN_SCHEMES = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_ALLOWED_IN_URLS = "/:?#[]@!$&'*+,;=%~-._"


def make_safe(markdown: str) -> str:
    """Markdown in which no tag is a tag and every link target is http(s), mailto, tel, ftp or relative."""
    if "<" not in markdown and "]" not in markdown:
        return markdown
    return "\n".join(_safe_lines(markdown.split("\n")))


def _safe_lines(lines: list[str]) -> Iterator[str]:
    fence = ""
    code_is_sure = True
    for line in lines:
        if not fence and not _SPECIAL.search(line):
            code_is_sure = code_is_sure or not line.strip()
            yield line
        elif fence:
            fence = "" if line.startswith(fence) and not line.strip(fence[0] + " ") else fence
            yield line
        elif (opened := _FENCE.match(line)) and not (opened[1][0] == "`" and "`" in opened[2]):
            fence, code_is_sure = opened[1], True
            yield line
        else:
            code_is_sure = code_is_sure or not line.strip()
            parts, closed = _code_spans(line) if code_is_sure else ([(line, False)], False)
            code_is_sure = code_is_sure and closed
            parts = parts if closed else [(line, False)]
            yield "".join(text if is_code else _safe_text(text) for text, is_code in parts)


def _code_spans(line: str) -> tuple[list[tuple[str, bool]], bool]:
    """The line in parts that are code or not, and whether every run of backticks has found its partner."""
    parts: list[tuple[str, bool]] = []
    position = 0
    while opened := _TICKS.search(line, position):
        if len(opened[1]) % 2:
            return parts, False
        ticks = opened[2]
        closing = re.compile(rf"(?<!`){ticks}(?!`)").search(line, opened.end())
        if closing is None:
            return parts, False
        start = opened.start(2)
        parts += [(line[position:start], False), (line[start : closing.end()], True)]
        position = closing.end()
    return [*parts, (line[position:], False)], True


def _safe_text(text: str) -> str:
    text = _ANGLE_TARGET.sub(lambda found: f"]({quote(found[1], safe=_ALLOWED_IN_URLS)}", text)
    text = _TARGET.sub(lambda found: f"{found[1]}{_safe_target(found[2])}", text)
    return _TAG.sub(lambda found: found[0] if len(found[1]) % 2 else f"{found[1]}\\<", text)


def _safe_target(target: str) -> str:
    # As a renderer would read it: character references and backslashes resolved, white space dropped.
    scheme = _SCHEME.match(_NOT_IN_SCHEMES.sub("", html.unescape(target)))
    return "#" if scheme and scheme[1].lower() not in _SAFE_SCHEMES else target
