"""Makes markdown safe to render: no raw HTML, no links that run something.

Comes in: markdown; goes out: markdown that shows the same text. Called by `clean`.

Renderers differ in what they take for code and for a link. So code is written in the one way that all of them read
alike (fences at the left margin, closed as they were opened), and whatever one of them might take for a tag or a link
is treated as one (CommonMark 0.31). A renderer must know fenced code; one that does not shows code as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from tidemill.markup.references import unescape
from tidemill.markup.safe_html import SCHEMES

_SPECIAL = re.compile(r"[`~<\]]")
_FENCE = re.compile(r"((?:[ \t]*(?:[-+*>]|\d{1,9}[.)]))*[ \t]*)(`{3,}|~{3,})([^\n]*)")
_INFO = re.compile(r"[a-zA-Z][\w#+.-]*")
_RUN = re.compile(r"`{3,}")
_TICKS = re.compile(r"(\\*)(`+)")
_TAG = re.compile(r"<(?=[a-zA-Z/!?\\])")
_ESCAPED_TAG = re.compile(r"(\\+)<(?=[a-zA-Z/!?\\])")
_ANGLE_TARGET = re.compile(r"\]\([ \t]*<([^<>\n`]*)>")  # With a backtick it stays: quoting may be what ends code.
_OPEN_TARGET = re.compile(r"(\]\([ \t>]*)<")
_LINK = re.compile(r"\]\(([ \t>]*)([^\s()<>\[\]]*)(?=([^()<>\n]*)(\n|\Z)?)")
_OLD_LINK = re.compile(r"\]([ \t])\((?=([^()<>\n]*))")
_DEFINITION = re.compile(r"\]:(?=[ \t>]*([^\s()<>\]]*)([^()<>\]\n]*))")
_TITLE_OR_END = re.compile(r"\s*(?:[\"'(]|$)")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*):")
_NOT_IN_SCHEMES = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_ALLOWED_IN_URLS = "/:?#[]@!$&'*+,;=%~-._"
_RUN_BY_BROWSERS = "javascript vbscript livescript jscript mocha data blob filesystem file about view-source"
_RUNNING = frozenset(_RUN_BY_BROWSERS.split())


def make_safe(markdown: str) -> str:
    """Markdown in which no tag is a tag and every link target is http(s), mailto, tel, ftp or relative."""
    if "`" in markdown or "~~~" in markdown:
        return "\n".join(_safe_lines(markdown.split("\n")))
    return _safe_text(markdown)


def _safe_lines(lines: list[str]) -> Iterator[str]:
    code_is_sure = True  # As long as every line of the paragraph closes the code spans that it opens.
    unread = iter(lines)
    for line in unread:
        if not _SPECIAL.search(line):
            code_is_sure = code_is_sure or not line.strip()
            yield line
        elif (opened := _opened(line)) and ">" not in opened[1]:
            code_is_sure = True
            yield from _fenced(opened, unread)
        else:
            line = _shown_fence(opened) if opened else line
            code_is_sure = code_is_sure or not line.strip()
            parts, closed = _code_spans(line) if code_is_sure else ([], False)
            code_is_sure = code_is_sure and closed
            yield "".join(text if is_code else _safe_text(text) for text, is_code in parts or [(line, False)])


def _opened(line: str) -> re.Match[str] | None:
    """The fence that a line is; one of backticks has none behind it."""
    opened = _FENCE.fullmatch(line)
    return None if opened is None or ("`" in opened[2] and "`" in opened[3]) else opened


def _shown_fence(opened: re.Match[str]) -> str:
    """A fence in a quotation, each line of which bears a mark, is text: the characters that it is of."""
    return f"{opened[1]}{''.join(chr(92) + mark for mark in opened[2])}{opened[3]}"


def _fenced(opened: re.Match[str], unread: Iterator[str]) -> Iterator[str]:
    """A code block, taken from the lines up to its end: at the margin, if it was in a list below its mark.

    Its fence is of backticks and longer than any in it, as some renderers take even those that are none for its end.
    """
    container, fence, info = opened.groups()
    lines: list[str] = []
    for line in unread:
        mark = line.strip()
        if len(mark) >= len(fence) and not mark.strip(fence[0]):
            break
        lines.append(line)
    longest = max((len(run) for line in lines if "```" in line for run in _RUN.findall(line)), default=0)
    fence = "`" * max(len(fence), longest + 1)
    if container.strip():
        yield container.rstrip()
    language = _INFO.search(info)
    yield f"{fence}{language[0] if language else ''}"
    yield from lines
    yield fence


def _code_spans(line: str) -> tuple[list[tuple[str, bool]], bool]:
    """The line in parts that are code or not, and whether each run of backticks has its partner; if not, no parts."""
    parts: list[tuple[str, bool]] = []
    position = 0
    while opened := _TICKS.search(line, position):
        if len(opened[1]) % 2:
            return [], False
        ticks = opened[2]
        closing = re.compile(rf"(?<!`){ticks}(?!`)").search(line, opened.end())
        if closing is None:
            return [], False
        start = opened.start(2)
        parts += [(line[position:start], False), (line[start : closing.end()], True)]
        position = closing.end()
    return [*parts, (line[position:], False)], True


def _safe_text(text: str) -> str:
    if "<" in text:
        text = _ANGLE_TARGET.sub(lambda found: f"]({quote(found[1], safe=_ALLOWED_IN_URLS)}", text)
        # As a reference and not behind a backslash, which some renderers show instead of obeying it.
        text = (
            _ESCAPED_TAG.sub(lambda found: f"{found[1][: len(found[1]) // 2 * 2]}&lt;", text) if "\\" in text else text
        )
        text = _OPEN_TARGET.sub(r"\1&lt;", _TAG.sub("&lt;", text))
    if "]" not in text:
        return text
    text = _DEFINITION.sub(_safe_definition, text)
    text = _OLD_LINK.sub(lambda found: rf"]{found[1]}\(" if _scheme(found[2]) in _RUNNING else found[0], text)
    return _LINK.sub(_safe_link, text)


def _safe_definition(found: re.Match[str]) -> str:
    """`[name]: target`, which may stand anywhere in a text; shown as it is written if the target is not harmless."""
    target, rest = found.groups()
    is_definition = bool(_TITLE_OR_END.match(rest))
    strange = is_definition and (not target.strip("\\") or not _is_safe(_scheme(target)))
    return "]\\:" if strange or _scheme(target + rest) in _RUNNING else found[0]


def _safe_link(found: re.Match[str]) -> str:
    """`](target`. One that runs something leads nowhere; what some take for a link and others do not is shown as text:
    a target with blanks in it (browsers drop them), or one that may go on in the next line. So is one with backticks:
    without them, others of the line would begin or end code.
    """
    blanks, target, rest, end = found.groups()
    scheme = _scheme(target)
    if end is not None or (not scheme and _scheme(target + rest) in _RUNNING):
        return rf"]\({blanks}{target}"
    if _is_safe(scheme):
        return found[0]
    return rf"]\({blanks}{target}" if "`" in target else f"]({blanks}#"


def _is_safe(scheme: str) -> bool:
    return not scheme or scheme in SCHEMES


def _scheme(target: str) -> str:
    """The scheme as renderers and then browsers would read it: references and backslashes resolved, blanks dropped."""
    if ":" not in target and "&" not in target:
        return ""
    scheme = _SCHEME.match(_NOT_IN_SCHEMES.sub("", unescape(target)))
    return scheme[1].lower() if scheme else ""
