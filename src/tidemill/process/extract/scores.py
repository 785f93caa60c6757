"""How likely each block of a page belongs to its content: a weighted sum of what is seen of it, twice.

Comes in: the blocks of a page and what kind of page it is; goes out: a number for each block, above zero for content.
The first sum looks at the block, its neighbours and its containers; the second also at the first sums around it. The
weights are in `weights`, learned by `benchmarks/train_blocks.py`. Called by `maintext`.
"""

from __future__ import annotations

from math import log1p

from tidemill.process.extract.blocks import Block, Blocks
from tidemill.process.extract.signals import ENDS_SENTENCE, FLAGS, FURNITURE, LEADS_AWAY, SHOWS_TIME, own_bits

KINDS = ("article", "forum", "product", "other")
"""What a page may be, by what it says of itself; weights differ a little between them."""

_SENTENCE_WORDS = 8
_MAX_LINK_SHARE = 0.4
_TAGS = ("p", "h1", "h2", "h4", "li", "tr", "dt", "pre", "figcaption", "button", "address", "div")
_SAME_TAGS = {
    "h3": "h2", "h5": "h4", "h6": "h4", "td": "tr", "th": "tr", "dd": "dt",
    **{tag: tag for tag in _TAGS},
}  # fmt: skip
_OWN_BLOCKS = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "pre", "figcaption", "button", "address", "tr", "dt", "dd", "td")
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
AFTERTHOUGHTS = ("own", "-3", "-2", "-1", "+1", "+2", "+3", "container", "outer", "outermost", "page", "heading")
"""The names of the numbers that the second sum looks at."""


class _Measures:
    """Sums over the blocks of each container, its own and those of the containers within."""

    def __init__(self, found: Blocks) -> None:
        containers, blocks = found.containers, found.blocks
        self.words = [_count_words(block.text) for block in blocks]
        self.link_shares = [block.link_chars / len(block.text) for block in blocks]
        self.sentences = [
            int(words >= _SENTENCE_WORDS and share < _MAX_LINK_SHARE and ENDS_SENTENCE.search(block.text) is not None)
            for block, words, share in zip(blocks, self.words, self.link_shares, strict=True)
        ]
        size = len(containers)
        self.all_words, self.all_sentences, self.all_chars = [0] * size, [0] * size, [0] * size
        self.all_links, self.all_blocks = [0] * size, [0] * size
        for block, words, sentence in zip(blocks, self.words, self.sentences, strict=True):
            place = block.container
            self.all_words[place] += words
            self.all_sentences[place] += words * sentence
            self.all_chars[place] += len(block.text)
            self.all_links[place] += block.link_chars
            self.all_blocks[place] += 1
        self.depths, self.bits = [0] * size, [0] * size
        for place in range(size - 1, 0, -1):  # Containers stand after what they are in.
            parent = containers[place].parent
            for sums in (self.all_words, self.all_sentences, self.all_chars, self.all_links, self.all_blocks):
                sums[parent] += sums[place]
        for place in range(1, size):
            parent = containers[place].parent
            self.depths[place] = self.depths[parent] + 1
            self.bits[place] = self.bits[parent] | own_bits(containers[place])

    def deepest_with(self, share: float) -> int:
        """The deepest container that has at least this share of all words in sentences."""
        least = share * max(self.all_sentences[0], 1)
        return max(
            (place for place, words in enumerate(self.all_sentences) if words >= least),
            key=lambda place: self.depths[place],
            default=0,
        )


def features(found: Blocks) -> tuple[list[list[float]], list[int], list[tuple[int, int, int]]]:
    """For each block the numbers that `FEATURES` names, its bits (see `FLAGS`), and its three containers outwards."""
    measures = _Measures(found)
    places = [_outwards(found, block) for block in found.blocks]
    within = {place: _of_container(measures, place) for three in places for place in three}
    around = [
        (log1p(min(words, 100)), share, float(sentence))
        for words, share, sentence in zip(measures.words, measures.link_shares, measures.sentences, strict=True)
    ]
    nothing = (0.0, 0.0, 0.0)
    padded = [nothing, nothing, *around, nothing, nothing]
    seen: set[str] = set()
    rows: list[list[float]] = []
    page = _Page(found, measures)
    for index, block in enumerate(found.blocks):
        row = _of_block(found, block, measures, index, block.text in seen)
        seen.add(block.text)
        for neighbour in (index, index + 1, index + 3, index + 4):
            row += padded[neighbour]
        for place in places[index]:
            row += within[place]
        row += page.of(index, block)
        rows.append(row)
    return rows, [measures.bits[block.container] for block in found.blocks], places


def _outwards(found: Blocks, block: Block) -> tuple[int, int, int]:
    containers = found.containers
    own = block.container
    if containers[own].tag in _OWN_BLOCKS and containers[own].parent >= 0:
        own = containers[own].parent
    outer = max(containers[own].parent, 0)
    return own, outer, max(containers[outer].parent, 0)


def _of_block(found: Blocks, block: Block, measures: _Measures, index: int, is_repeated: bool) -> list[float]:
    words, share, text = measures.words[index], measures.link_shares[index], block.text
    row = [
        log1p(min(words, 150)), min(words, 60) / 60, share, share * log1p(min(words, 60)),
        float(ENDS_SENTENCE.search(text) is not None), float(measures.sentences[index]),
        text.count(",") / max(words, 1), float(FURNITURE.search(text) is not None),
        float(SHOWS_TIME.search(text) is not None), float(is_repeated), float(words <= 2), float(text.isupper()),
    ]  # fmt: skip
    tag = _SAME_TAGS.get(found.containers[block.container].tag, "div")
    row += [float(tag == name) for name in _TAGS]
    return row


def _of_container(measures: _Measures, place: int) -> tuple[float, float, float, float]:
    words = measures.all_words[place]
    return (
        measures.all_links[place] / max(measures.all_chars[place], 1),
        measures.all_sentences[place] / max(words, 1),
        words / max(measures.all_words[0], 1),
        log1p(words / max(measures.all_blocks[place], 1)),
    )


class _Page:
    """Where a block stands in the whole page."""

    def __init__(self, found: Blocks, measures: _Measures) -> None:
        self.found, self.measures = found, measures
        self.cores = [self._inside(measures.deepest_with(share)) for share in (0.6, 0.35)]
        tags = [found.container(block).tag for block in found.blocks]
        self.h1 = tags.index("h1") if "h1" in tags else -1
        text = [index for index, sentence in enumerate(measures.sentences) if sentence]
        self.first, self.last = (text[0], text[-1]) if text else (0, len(tags))
        self.total = max(measures.all_words[0], 1)
        self.so_far = 0
        self.leads_away, self.level = 0.0, 9
        links, chars = measures.all_links[0], measures.all_chars[0]
        self.page = [measures.all_sentences[0] / self.total, links / max(chars, 1), log1p(self.total)]
        self.has_main = float(any(one.tag == "main" or one.role == "main" for one in found.containers))

    def _inside(self, core: int) -> list[bool]:
        inside = [False] * len(self.found.containers)
        for place, container in enumerate(self.found.containers):
            inside[place] = place == core or (container.parent >= 0 and inside[container.parent])
        return inside

    def of(self, index: int, block: Block) -> list[float]:
        """The numbers of `_PLACE`; blocks must be asked for in their order."""
        self._read_heading(block)
        before, after = max(self.first - index, 0), max(index - self.last, 0)
        row = [
            float(self.cores[0][block.container]), float(self.cores[1][block.container]), self.so_far / self.total,
            float(index < self.h1), float(0 <= self.h1 < index), float(before > 0), float(after > 0), self.leads_away,
            self.has_main, *self.page, self.measures.depths[block.container] / 20, log1p(before), log1p(after),
        ]  # fmt: skip
        self.so_far += self.measures.words[index]
        return row

    def _read_heading(self, block: Block) -> None:
        tag = self.found.container(block).tag
        if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            level = int(tag[1])
            if LEADS_AWAY.search(block.text):
                self.leads_away, self.level = 1.0, level
            elif level <= self.level:
                self.leads_away, self.level = 0.0, 9


def _count_words(text: str) -> int:
    """Words between spaces; where a script writes none, two characters are a word."""
    spaced = text.count(" ") + 1
    return spaced if len(text) < 20 * spaced or text.isascii() else len(text) // 2


def afterthoughts(found: Blocks, firsts: list[float], places: list[tuple[int, int, int]]) -> list[list[float]]:
    """For each block the numbers that `AFTERTHOUGHTS` names: first sums of it, its neighbours and its containers."""
    size = len(found.containers)
    sums, weights = [0.0] * size, [0.0] * size
    counts = [log1p(_count_words(block.text)) for block in found.blocks]
    for block, first, count in zip(found.blocks, firsts, counts, strict=True):
        sums[block.container] += first * count
        weights[block.container] += count
    for place in range(size - 1, 0, -1):
        parent = found.containers[place].parent
        sums[parent] += sums[place]
        weights[parent] += weights[place]
    means = [total / weight if weight else 0.0 for total, weight in zip(sums, weights, strict=True)]
    padded = [-3.0, -3.0, -3.0, *firsts, -3.0, -3.0, -3.0]
    under = _headings_over(found, firsts)
    return [
        [
            *(padded[index + at] for at in (3, 0, 1, 2, 4, 5, 6)),
            *(means[place] for place in three),
            means[0],
            under[index],
        ]
        for index, three in enumerate(places)
    ]


def _headings_over(found: Blocks, firsts: list[float]) -> list[float]:
    """For a block the first sum of the heading before it; for a heading that of the block after it."""
    over, last = [], -3.0
    is_heading = [found.container(block).tag in ("h1", "h2", "h3", "h4", "h5", "h6") for block in found.blocks]
    for index, first in enumerate(firsts):
        if is_heading[index]:
            last = first
            over.append(firsts[index + 1] if index + 1 < len(firsts) else -3.0)
        else:
            over.append(last)
    return over
