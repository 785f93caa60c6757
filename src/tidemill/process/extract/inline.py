"""Writes the inline markup of one block as markdown that every renderer reads as it is meant.

Comes in: the parts of a block; goes out: a line, or several where the block has line breaks. Called by `render`.
Emphasis that a renderer would show as asterisks (CommonMark 0.31, section 6.2) is left out; no text becomes markup.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from tidemill.process.extract.blocks import Mark, Part

Absolute = Callable[[str], str | None]
"""The absolute http(s) URL of a link, `None` if it leads nowhere that a reader can follow."""

TICKS = re.compile(r"`+")
_SPECIAL = re.compile(r"[\\`*\[\]<~]|&(?=#?[a-zA-Z0-9]{0,32}(?:;|$))|(?<![^\W_])_|_(?![^\W_])")
_SAFE_IN_URL = "/:?#@!$&'*+,;=%~-._"
_BREAK = "\v"


class _Piece(NamedTuple):
    """What was written: `raw` is the text within the markup `sign`, which is empty for mere text."""

    text: str
    sign: str = ""
    raw: str = ""


class _Frame(NamedTuple):
    """An open mark and what was written within it."""

    mark: Mark
    pieces: list[_Piece]
    target: str = ""


def write_inline(parts: Sequence[Part], absolute: Absolute, *, emphasis: bool = True) -> str:
    """Markdown of `parts`: lines without blanks at their ends, `\\n` only where a line was broken."""
    if len(parts) == 1 and isinstance(parts[0], str):
        text = escape(parts[0])
    else:
        text = _Inline(absolute, emphasis=emphasis).write(_merged(parts))
    lines = (" ".join(line.split()) for line in text.split(_BREAK))
    return "\n".join(line for line in lines if line)


def escape(text: str) -> str:
    """`text` so that none of it is markup within a line."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _escape_beside_code(text: str) -> str:
    """As `escape`, but no backtick is left that a reader of single lines might take for the end of code."""
    return escape(text).replace("\\`", "&#96;")


class _Inline:
    """What is open. Only marks that will be written have a frame; of the others nothing is kept."""

    def __init__(self, absolute: Absolute, *, emphasis: bool) -> None:
        self.absolute = absolute
        self.emphasis = emphasis
        self.frames = [_Frame(Mark(""), [])]
        self.open: list[bool] = []
        self.signs: set[str] = set()

    def write(self, parts: list[Part]) -> str:
        following = _following(parts)
        escaped = _escape_beside_code if any(isinstance(part, Mark) and part.sign == "`" for part in parts) else escape
        for index, part in enumerate(parts):
            if isinstance(part, str):
                self._add(_Piece(part.replace(_BREAK, " ") if "`" in self.signs else escaped(part)))
            elif part.sign == "br":
                self._add(_Piece(_BREAK))
            elif part.sign != "|" and part.opens:
                self._begin(part)
            elif part.sign != "|" and self.open and self.open.pop():
                self._end(following[index])
        while len(self.frames) > 1:
            self._end("")
        return "".join(piece.text for piece in self.frames[0].pieces)

    def _add(self, piece: _Piece) -> None:
        if piece.text:
            self.frames[-1].pieces.append(piece)

    def _begin(self, mark: Mark) -> None:
        is_link = mark.sign == "a"
        target = (self.absolute(mark.href) or "") if is_link else ""
        kind = mark.sign if mark.sign in ("a", "`") else "*"
        is_written = "`" not in self.signs and kind not in self.signs and (self.emphasis or kind != "*")
        is_written = is_written and (bool(target) or not is_link)
        self.open.append(is_written)
        if is_written:
            self.signs.add(kind)
            self.frames.append(_Frame(mark, [], target))

    def _end(self, following: str) -> None:
        mark, pieces, target = self.frames.pop()
        self.signs.discard(mark.sign if mark.sign in ("a", "`") else "*")
        text = "".join(piece.text for piece in pieces)
        if not (inner := text.strip()):
            self._add(_Piece(text))
            return
        at = text.index(inner)
        before, after = text[:at], text[at + len(inner) :]
        self._add(_Piece(before))
        if mark.sign == "a":
            self._add_link(inner, target)
        elif mark.sign == "`":
            self._add_code(inner)
        else:
            self._add_emphasis(mark.sign, inner, " " if after else following)
        self._add(_Piece(after))

    def _add_link(self, inner: str, target: str) -> None:
        pieces = self.frames[-1].pieces
        if pieces and not pieces[-1].sign and pieces[-1].text.endswith("!"):  # It would be an image.
            pieces[-1] = _Piece(f"{pieces[-1].text[:-1]}\\!")
        self._add(_Piece(f"[{inner.replace(_BREAK, ' ')}]({quote(target, safe=_SAFE_IN_URL)})", "a"))

    def _add_code(self, inner: str) -> None:
        pieces = self.frames[-1].pieces
        if pieces and pieces[-1].sign == "`":
            inner = pieces.pop().raw + inner
        *lines, last = inner.split(_BREAK)
        for line in lines:
            self._add(_Piece(_code(line.strip())))
            self._add(_Piece(_BREAK))
        self._add(_Piece(_code(last.strip()), "`", last.strip()))

    def _add_emphasis(self, sign: str, inner: str, following: str) -> None:
        pieces = self.frames[-1].pieces
        last = pieces[-1] if pieces else _Piece("")
        opens = inner[0].isalnum() or _is_border(last.text[-1:])
        closes = inner[-1].isalnum() or _is_border(following)
        if _BREAK in inner or not closes:
            self._add(_Piece(inner))
        elif last.sign == sign:
            pieces[-1] = _wrapped(sign, last.raw + inner)
        elif last.sign in ("*", "**") or not opens:
            self._add(_Piece(inner))
        else:
            self._add(_wrapped(sign, inner))


def _wrapped(sign: str, inner: str) -> _Piece:
    return _Piece(f"{sign}{inner}{sign}", sign, inner)


def _merged(parts: Sequence[Part]) -> list[Part]:
    """The same with texts that follow each other made one, so that what they spell together is seen."""
    merged: list[Part] = []
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            merged.append("".join(texts))
            texts = []
        merged.append(part)
    return [*merged, "".join(texts)]


def _following(parts: list[Part]) -> list[str]:
    """For each part the first character that is shown after it."""
    following: list[str] = []
    char = ""
    for part in reversed(parts):
        following.append(char)
        if not isinstance(part, str):
            char = " " if part.sign in ("br", "|") else char
        elif part:
            char = part[0]
    return following[::-1]


def _is_border(char: str) -> bool:
    """Whether emphasis that begins or ends with a mark of punctuation is seen beside `char`."""
    return not char or char.isspace() or (char.isascii() and not char.isalnum()) or unicodedata.category(char)[0] == "P"


def _code(text: str) -> str:
    if not text:
        return ""
    longest = max((len(run) for run in TICKS.findall(text)), default=0)
    ticks = "`" * (longest + 1 if longest else 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"
