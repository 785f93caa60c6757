"""How likely each block of a page belongs to its content: a weighted sum of what is seen of it and around it.

Comes in: the blocks of a page; goes out: a number for each, the higher the likelier, and how much of the page is prose.
The weights are in `weights`, learned by `benchmarks/train_blocks.py`. Called by `maintext`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log1p
from operator import mul
from typing import TypeAlias

from tidemill.process.extract.blocks import Block, Blocks
from tidemill.process.extract.measures import Measures
from tidemill.process.extract.signals import FLAGS, LEADS_AWAY, find_furniture, find_times
from tidemill.process.extract.weights import BIAS, WEIGHTS

Row: TypeAlias = list[float]

_LOG = [log1p(words) for words in range(151)]
_SHORT_CHARS = 200  # Longer texts are not looked through for phrases of furniture.
_TAGS = ("p", "h1", "h2", "h4", "li", "tr", "dt", "pre", "figcaption", "button", "address", "div")
_SAME_TAGS = {"h3": "h2", "h5": "h4", "h6": "h4", "td": "tr", "th": "tr", "dd": "dt", **{tag: tag for tag in _TAGS}}
_TAG_ROWS = {tag: [float(tag == name) for name in _TAGS] for tag in _TAGS}
_LEAVES = frozenset(_SAME_TAGS) - {"div"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}

_BLOCK = (
    "log_words", "words", "link_share", "links_by_words", "ends_sentence", "is_sentence", "commas", "furniture", "time",
    "repeated", "short", "capitals",
)  # fmt: skip
_AROUND = tuple(f"{name}{place}" for place in ("-2", "-1", "+1", "+2") for name in ("words", "link_share", "sentence"))
_WITHIN = tuple(
    f"{name}:{of}" for of in ("own", "outer", "outermost") for name in ("links", "sentences", "share", "mean_words")
)
_PLACE = (
    "in_core", "in_heart", "position", "before_h1", "after_h1", "before_text", "after_text", "leads_away", "has_main",
    "page_sentences", "page_links", "page_words", "depth", "blocks_before_text", "blocks_after_text",
)  # fmt: skip
FEATURES = (*_BLOCK, *(f"tag:{tag}" for tag in _TAGS), *_AROUND, *_WITHIN, *_PLACE)
"""The names of the numbers of a block, in their order."""

_OF_FEATURES = [WEIGHTS.get(name, 0.0) for name in FEATURES]
_OF_FLAGS = [WEIGHTS.get(name, 0.0) for name in FLAGS]


def score_blocks(found: Blocks, measures: Measures) -> tuple[list[float], float]:
    """A number for each block, above zero if it is more likely content than not; and the share of prose in the page."""
    of_bits: dict[int, float] = {}
    scores: list[float] = []
    for row, block in zip(read_features(found, measures), found.blocks, strict=True):
        bits = measures.bits[block.container]
        if (flagged := of_bits.get(bits)) is None:
            flagged = of_bits[bits] = BIAS + sum(weight for place, weight in enumerate(_OF_FLAGS) if bits >> place & 1)
        scores.append(flagged + sum(map(mul, row, _OF_FEATURES)))
    return scores, measures.all_sentences[0] / max(measures.all_words[0], 1)


def read_features(found: Blocks, measures: Measures) -> Iterator[Row]:
    """For each block the numbers that `FEATURES` names."""
    nothing = [0.0, 0.0, 0.0]
    around = [
        [_LOG[min(words, 100)], share, float(sentence)]
        for words, share, sentence in zip(measures.words, measures.link_shares, measures.sentences, strict=True)
    ]
    padded = [nothing, nothing, *around, nothing, nothing]
    within = _Within(found, measures)
    page = _Page(found, measures)
    of_blocks = _of_blocks(found.blocks, measures)
    for index, (block, row) in enumerate(zip(found.blocks, of_blocks, strict=True)):
        place = block.container
        row += _TAG_ROWS[_SAME_TAGS.get(found.containers[place].tag, "div")]
        row += padded[index]
        row += padded[index + 1]
        row += padded[index + 3]
        row += padded[index + 4]
        row += within.of(place)
        row += page.of(index, block)
        yield row


def _of_blocks(blocks: list[Block], measures: Measures) -> Iterator[Row]:
    """The numbers of `_BLOCK` of each block."""
    short = [block.text if len(block.text) <= _SHORT_CHARS else "" for block in blocks]
    furniture, times = find_furniture(short), find_times(short)
    seen: set[str] = set()
    for index, (block, words, share) in enumerate(zip(blocks, measures.words, measures.link_shares, strict=True)):
        text = block.text
        yield [
            _LOG[min(words, 150)], min(words, 60) / 60, share, share * _LOG[min(words, 60)],
            float(measures.ends[index]), float(measures.sentences[index]), text.count(",") / words,
            float(index in furniture), float(index in times), float(text in seen), float(words <= 2),
            float(short[index].isupper()),
        ]  # fmt: skip
        seen.add(text)


class _Within:
    """What the container of a block is like, and the two around that. Each is reckoned once."""

    def __init__(self, found: Blocks, measures: Measures) -> None:
        self.containers, self.measures = found.containers, measures
        self.words = max(measures.all_words[0], 1)
        self.rows: dict[int, Row] = {}
        self.sides: dict[int, Row] = {}

    def of(self, own: int) -> Row:
        """The numbers of `_WITHIN`."""
        if (row := self.rows.get(own)) is None:
            container = self.containers[own]
            place = container.parent if container.tag in _LEAVES and own else own
            outer = max(self.containers[place].parent, 0)
            outermost = max(self.containers[outer].parent, 0)
            row = self.rows[own] = [*self._side(place), *self._side(outer), *self._side(outermost)]
        return row

    def _side(self, place: int) -> Row:
        if (row := self.sides.get(place)) is None:
            measures = self.measures
            words = measures.all_words[place]
            row = self.sides[place] = [
                measures.all_links[place] / max(measures.all_chars[place], 1),
                measures.all_sentences[place] / max(words, 1),
                words / self.words,
                log1p(words / max(measures.all_blocks[place], 1)),
            ]
        return row


class _Page:
    """Where a block stands in the whole page."""

    def __init__(self, found: Blocks, measures: Measures) -> None:
        self.found, self.measures = found, measures
        self.core = self._inside(measures.deepest_with(0.6))
        self.heart = self._inside(measures.deepest_with(0.35))
        tags = [found.container(block).tag for block in found.blocks]
        self.h1 = tags.index("h1") if "h1" in tags else -1
        text = [index for index, sentence in enumerate(measures.sentences) if sentence]
        self.first, self.last = (text[0], text[-1]) if text else (0, len(tags))
        self.total = max(measures.all_words[0], 1)
        self.so_far = 0
        self.leads_away, self.level = 0.0, 9
        self.has_main = float(any(one.tag == "main" or one.role == "main" for one in found.containers))
        links, chars = measures.all_links[0], max(measures.all_chars[0], 1)
        self.page = [self.has_main, measures.all_sentences[0] / self.total, links / chars, log1p(self.total)]

    def _inside(self, core: int) -> list[float]:
        inside = [0.0] * len(self.found.containers)
        inside[core] = 1.0
        for place in range(core + 1, len(inside)):
            inside[place] = inside[self.found.containers[place].parent]
        return inside

    def of(self, index: int, block: Block) -> Row:
        """The numbers of `_PLACE`; blocks must be asked for in their order."""
        self._read_heading(block)
        place = block.container
        before, after = max(self.first - index, 0), max(index - self.last, 0)
        row = [
            self.core[place], self.heart[place], self.so_far / self.total, float(index < self.h1),
            float(0 <= self.h1 < index), float(before > 0), float(after > 0), self.leads_away, *self.page,
            self.measures.depths[place] / 20, log1p(before), log1p(after),
        ]  # fmt: skip
        self.so_far += self.measures.words[index]
        return row

    def _read_heading(self, block: Block) -> None:
        """A heading that leads away does so up to the next of its level, and all under it with it."""
        level = _HEADINGS.get(self.found.containers[block.container].tag)
        if level is None:
            return
        if len(block.text) <= _SHORT_CHARS and LEADS_AWAY.search(block.text):
            self.leads_away, self.level = 1.0, level
        elif level <= self.level:
            self.leads_away, self.level = 0.0, 9
