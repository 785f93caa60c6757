"""The text that a page is about, as plain text and as markdown: those of its blocks that are likely content.

Comes in: the blocks of a page; goes out: `MainText`. Called through `Page.main_text`, and for fragments of HTML of
which all is content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tidemill.markup import parse_html
from tidemill.models.document import origin
from tidemill.process.extract.blocks import Blocks, read_blocks
from tidemill.process.extract.links import web_url
from tidemill.process.extract.measures import Measures
from tidemill.process.extract.render import render
from tidemill.process.extract.scores import score_blocks
from tidemill.process.extract.signals import UNSEEN

ORIGIN = origin("blocks", "1")
"""Its version is changed with the rules and weights, when the same page may give another text."""

_FEW_WORDS = 25
_EASIER = 1.5


@dataclass(frozen=True, slots=True)
class MainText:
    """The same words in the same order, twice."""

    text: str
    markdown: str


def find_main_text(found: Blocks, measures: Measures, base_url: str, *, is_article: bool) -> MainText:
    """The content of a page, with its links made absolute; empty only if the page shows nothing."""
    return MainText(*render(found, _choose(found, measures, is_article=is_article), _absolute_from(base_url)))


def read_fragment(markup: str, base_url: str) -> MainText:
    """All that a piece of HTML shows. Raises `Permanent` if it would hang a parser."""
    found = read_blocks(parse_html(markup).body)
    return MainText(*render(found, range(len(found.blocks)), _absolute_from(base_url)))


def least_score(prose: float, *, is_article: bool) -> float:
    """From which score on a block is taken for content.

    Where a page is mostly prose, other things are seldom content; in a page of lists and cards nothing else is. So the
    bar rises with the share of `prose`: to the middle for what calls itself an article, to somewhat less for others.
    """
    return min(0.0, 4.0 * prose - 1.5) if is_article else min(-0.3, 2.2 * prose - 1.5)


def _choose(found: Blocks, measures: Measures, *, is_article: bool) -> list[int]:
    """The blocks above the bar; of a page that seems to have hardly any, all but navigation and the like."""
    scores, prose = score_blocks(found, measures)
    least = least_score(prose, is_article=is_article)
    chosen = [index for index, score in enumerate(scores) if score > least]
    if sum(measures.words[index] for index in chosen) >= _FEW_WORDS:
        return chosen
    seen = [index for index, block in enumerate(found.blocks) if not measures.bits[block.container] & UNSEEN]
    more = [index for index in seen if scores[index] > least - _EASIER]
    few = sum(measures.words[index] for index in more) < _FEW_WORDS
    return (seen if few else more) or list(range(len(found.blocks)))


def _absolute_from(base_url: str) -> Callable[[str], str | None]:
    return lru_cache(maxsize=1024)(lambda link: web_url(base_url, link) if link else None)
