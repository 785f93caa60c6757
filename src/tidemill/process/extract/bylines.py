"""When a page was published, by what it shows near its title: `Posted on 3 April 2026`, `<time datetime>`.

Comes in: the blocks of a page and its title; goes out: the days that it gives for itself. Called by `dates`, for pages
that declare none. Dates of other things (comments, related articles, copyright) are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tidemill.process.extract.authors import byline_of
from tidemill.process.extract.blocks import Block, Blocks
from tidemill.process.extract.measures import Measures
from tidemill.process.extract.signals import bits_of
from tidemill.process.extract.titles import fold

_WORD = r"[^\W\d_]{3,12}"
_DAY = re.compile(
    r"(?<![\d/.\-])(?:"
    r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|º|ª)?[\s\-]+(?:de\s+|of\s+)?{_WORD}\.?,?[\s\-]+(?:del?\s+)?(?:19|20)\d\d(?!\d)"
    rf"|{_WORD}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+(?:19|20)\d\d(?!\d)"
    r"|\d{1,2}\.\s?\d{1,2}\.\s?(?:19|20)\d\d(?!\d)"
    r"|\d{1,2}[/\-]\d{1,2}[/\-](?:19|20)\d\d(?!\d)"
    r"|(?:19|20)\d\d\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日)"
)
_HAS_YEAR = re.compile(r"(?:19|20)\d\d")
_PUBLISHED = re.compile(
    r"\b(?:publish(?:ed)?|publication date|posted|written|created|first aired|publi[ée]e?|publicad[oa]|"
    r"ver[öo]ffentlicht|erstellt|pubblicat[oa]|geplaatst|gepubliceerd|submitted|asked|started)\b|公開|发布|發布",
    re.IGNORECASE,
)
_UPDATED = re.compile(
    r"\b(?:updated?|modified|revised|reviewed|edited|actualizad[oa]|aktualisiert|stand|mise? à jour|aggiornat[oa]|"
    r"atualizad[oa]|bijgewerkt)\b|更新",
    re.IGNORECASE,
)
_OF_OTHERS = re.compile(
    r"©|copyright|\b(?:joined|registered|since|born|until|through|expires?|deadline|valid|effective|event|starts?|ends?|"
    r"releases?d?|version|due|accessed|retrieved|checked|sale)\b",
    re.IGNORECASE,
)
_ELSEWHERE = bits_of("tag:nav", "name:related", "name:comments", "name:popup", "role:navigation", "role:dialog")
_ASIDE = bits_of("tag:footer", "name:foot", "name:promotion", "name:side", "role:complementary")
_BYLINE = bits_of("name:byline")
_BEFORE, _AFTER, _BELOW, _BEFORE_TEXT, _AFTER_TEXT = 8, 15, 6, 4, 8
_BYLINE_WORDS = 14
_BYLINE_CHARS = 100
_LABELLED_WORDS = 30
_LABELLED_CHARS = 600
_MOST_DAYS = 50
_LABEL_CHARS = 40
_LONE_WORDS = 6
_DAYS_OF_A_LIST = 3


@dataclass(frozen=True, slots=True)
class ShownDay:
    """A day as it is written, and whether the page says that it was updated then."""

    text: str
    rule: str
    is_update: bool = False


@dataclass(frozen=True, slots=True)
class _Shown:
    block: int
    text: str
    label: str
    words: int
    is_mark: bool


def find_shown_days(
    found: Blocks, measures: Measures, title: str, *, is_text: bool, is_discussion: bool
) -> list[ShownDay]:
    """The days that the page shows for itself, the likeliest first.

    Far from the title only those of a text (`is_text`) or a discussion are its own. What shows several days at its
    beginning lists other pages.
    """
    if not found.blocks:
        return []
    start, first = _beginning(found, measures, title)
    window = {*range(start - _BEFORE, start + _AFTER), *range(first - _BEFORE_TEXT, first + _AFTER_TEXT)}
    around = measures.bits[found.blocks[start].container]
    below = range(start + 1, start + _BELOW + 1)
    every = list(_all_days(found, measures))
    shown = [one for one in every if not _is_elsewhere(found, measures, one, around, below)]
    own = [one for one in shown if not _is_update(one)]
    labelled = [one for one in own if _PUBLISHED.search(one.label)]
    plain = [one for one in own if one.block in window and (one.is_mark or one.words <= _BYLINE_WORDS)]
    plain.sort(key=lambda one: one.block < start)  # What follows the title goes before what precedes it.
    near = [one for one in labelled if one.block in window]
    if len({one.text for one in plain}) >= _DAYS_OF_A_LIST and not is_discussion:
        plain = []
    days = [ShownDay(one.text, "near title") for one in (*near, *plain)]
    if is_text or is_discussion:
        days += [ShownDay(one.text, "labelled") for one in labelled if one.block not in window]
    if not days and is_discussion:
        days += [ShownDay(one.text, "first post") for one in every if one.is_mark and one.block > start][:1]
    if not days and is_text and len({one.text for one in own}) == 1:
        days += [ShownDay(one.text, "only day") for one in own if one.words <= _LONE_WORDS][:1]
    updates = [ShownDay(one.text, "updated", is_update=True) for one in shown if _is_update(one)]
    return days[:_MOST_DAYS] + updates[:_MOST_DAYS]


def _beginning(found: Blocks, measures: Measures, title: str) -> tuple[int, int]:
    """The block of the title and that of the first prose after it."""
    start = _title_block(found, title)
    sentences = (index for index in range(start + 1, len(found.blocks)) if measures.sentences[index])
    return start, next(sentences, len(found.blocks))


def _title_block(found: Blocks, title: str) -> int:
    """Where the page begins to be itself."""
    folded = fold(title)
    h1 = -1
    for index, block in enumerate(found.blocks):
        tag = found.container(block).tag
        if tag in ("h1", "h2") and folded and fold(block.text) == folded:
            return index
        if tag == "h1" and h1 < 0:
            h1 = index
    return max(h1, 0)


def _all_days(found: Blocks, measures: Measures) -> Iterator[_Shown]:
    marks = {mark.block: mark for mark in reversed(found.times)}
    for index, block in enumerate(found.blocks):
        words = measures.words[index]
        if words > _LABELLED_WORDS or len(block.text) > _LABELLED_CHARS:
            continue
        before = found.blocks[index - 1].text if index else ""
        label = before if _is_label(before) else ""
        mark = marks.get(index)
        if mark is not None and (mark.value[:4].isdecimal() or not _DAY.search(block.text)):
            yield _Shown(index, mark.value, f"{label} {block.text}", words, is_mark=True)
        elif _HAS_YEAR.search(block.text):
            yield from _days_in(block, index, label, words)


def _is_label(text: str) -> bool:
    """Whether a block may say what the day in the next one is."""
    return len(text) <= _LABEL_CHARS and (text.endswith(":") or text.count(" ") <= 2) and not _HAS_YEAR.search(text)


def _days_in(block: Block, index: int, label: str, words: int) -> Iterator[_Shown]:
    """Each day of a block with what is written before it."""
    end = 0
    for day in _DAY.finditer(block.text):
        own = block.text[end : day.start()]
        end = day.end()
        yield _Shown(index, day[0], own if own.strip(" |·•-–—:,") else f"{label} {own}", words, is_mark=False)


def _is_update(one: _Shown) -> bool:
    return _UPDATED.search(one.label) is not None and _PUBLISHED.search(one.label) is None


def _is_elsewhere(found: Blocks, measures: Measures, one: _Shown, around: int, below: range) -> bool:
    """Whether a day is another thing's. What its containers share with the title's (`around`) says nothing."""
    if _OF_OTHERS.search(one.label):
        return True
    bits = measures.bits[found.blocks[one.block].container] & ~around
    if bits & _ELSEWHERE:
        return True
    return bool(bits & _ASIDE) and not bits & _BYLINE and one.block not in below and not _PUBLISHED.search(one.label)


def find_shown_author(found: Blocks, measures: Measures, title: str) -> str | None:
    """The name in a `By Ann Weir` near the title; `None` if there is none."""
    start, first = _beginning(found, measures, title)
    for block in found.blocks[max(start - 4, 0) : min(first + 3, start + _AFTER)]:
        is_own = not measures.bits[block.container] & _ELSEWHERE and len(block.text) <= _BYLINE_CHARS
        if is_own and (name := byline_of(block.text)):
            return name
    return None
