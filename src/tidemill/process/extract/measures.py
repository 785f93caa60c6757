"""Sums over the blocks of a page: words, sentences and links of each block and of each container with all within it.

Comes in: blocks; goes out: `Measures`. Called by `scores`.
"""

from __future__ import annotations

from tidemill.process.extract.blocks import Block, Blocks
from tidemill.process.extract.signals import ends_sentence, own_bits

_SENTENCE_WORDS = 8
_MAX_LINK_SHARE = 0.4
_WIDE_CHARS = 20


class Measures:
    """Lists by the index of a block (`words`, `link_shares`, `sentences`) or of a container (all others)."""

    def __init__(self, found: Blocks) -> None:
        self.words = [count_words(block.text) for block in found.blocks]
        self.link_shares = [block.link_chars / len(block.text) for block in found.blocks]
        self.ends = [ends_sentence(block.text) for block in found.blocks]
        self.sentences = [
            words >= _SENTENCE_WORDS and ends and share < _MAX_LINK_SHARE
            for words, ends, share in zip(self.words, self.ends, self.link_shares, strict=True)
        ]
        size = len(found.containers)
        self.all_words, self.all_sentences, self.all_chars = [0] * size, [0] * size, [0] * size
        self.all_links, self.all_blocks = [0] * size, [0] * size
        self._add_blocks(found.blocks)
        self._add_containers([container.parent for container in found.containers])
        self.depths, self.bits = [0] * size, [0] * size
        for place in range(1, size):
            container = found.containers[place]
            self.depths[place] = self.depths[container.parent] + 1
            self.bits[place] = self.bits[container.parent] | own_bits(container)

    def _add_blocks(self, blocks: list[Block]) -> None:
        for block, words, sentence in zip(blocks, self.words, self.sentences, strict=True):
            place = block.container
            self.all_words[place] += words
            self.all_chars[place] += len(block.text)
            self.all_links[place] += block.link_chars
            self.all_blocks[place] += 1
            if sentence:
                self.all_sentences[place] += words

    def _add_containers(self, parents: list[int]) -> None:
        for place in range(len(parents) - 1, 0, -1):  # Containers stand after what they are in.
            if self.all_blocks[place]:
                parent = parents[place]
                self.all_words[parent] += self.all_words[place]
                self.all_sentences[parent] += self.all_sentences[place]
                self.all_chars[parent] += self.all_chars[place]
                self.all_links[parent] += self.all_links[place]
                self.all_blocks[parent] += self.all_blocks[place]

    def deepest_with(self, share: float) -> int:
        """The deepest container that has at least this share of all words in sentences."""
        least = share * max(self.all_sentences[0], 1)
        found = 0
        for place, words in enumerate(self.all_sentences):
            if words >= least and self.depths[place] > self.depths[found]:
                found = place
        return found


def count_words(text: str) -> int:
    """Words between spaces; where a script writes none, two characters are a word."""
    spaced = text.count(" ") + 1
    return spaced if len(text) < _WIDE_CHARS * spaced or text.isascii() else len(text) // 2
