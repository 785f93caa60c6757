"""The words of the site: prose/*.txt read into topics, and a choice among them that no clock or order changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SLOTS = ("things", "place", "person", "tool")


@dataclass(frozen=True, slots=True)
class Story:
    """What only one article says: its title and its sentences."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """A subject, its words for the slots of the generic sentences, and its stories."""

    slug: str
    section: str
    words: tuple[tuple[str, str], ...]
    stories: tuple[Story, ...]

    def fill(self, sentence: str) -> str:
        """Put the topic's words into a generic sentence."""
        filled = sentence.format(**dict(self.words))
        return filled.replace(" de el ", " del ").replace(" a el ", " al ")

    def word(self, slot: str) -> str:
        """Give the topic's word for a slot."""
        return dict(self.words)[slot]


@dataclass(frozen=True, slots=True)
class Prose:
    """All that one language has."""

    language: str
    topics: tuple[Topic, ...]
    generic: tuple[str, ...]
    notes: tuple[str, ...]


@cache
def prose(language: str) -> Prose:
    """Read the prose of `en` or `es`."""
    text = (Path(__file__).parent / "prose" / f"{language}.txt").read_text("utf-8")
    topics: list[Topic] = []
    pools: dict[str, tuple[str, ...]] = {}
    for block in text.split("== ")[1:]:
        head, *lines = [line.strip() for line in block.splitlines() if line.strip()]
        slug, _, section = head.partition(" | ")
        if section:
            topics.append(_topic(slug, section, lines))
        else:
            pools[slug] = tuple(lines)
    return Prose(language, tuple(topics), pools["generic"], pools["notes"])


def _topic(slug: str, section: str, lines: list[str]) -> Topic:
    words: dict[str, str] = {}
    stories: list[tuple[str, list[str]]] = []
    for line in lines:
        slot, _, value = line.partition(": ")
        if line.startswith("* "):
            stories.append((line[2:], []))
        elif not stories and slot in _SLOTS:
            words[slot] = value
        else:
            stories[-1][1].append(line)
    return Topic(slug, section, tuple(words.items()), tuple(Story(t, tuple(s)) for t, s in stories))


def choose(seed: str, sentences: Sequence[str], count: int) -> list[str]:
    """Choose sentences in an order that depends on the seed alone."""
    ranked = sorted(sentences, key=lambda sentence: hashlib.md5(f"{seed}|{sentence}".encode()).digest())
    return ranked[:count]


def filler(seed: str, count: int, language: str = "en") -> list[str]:
    """Give generic sentences about a topic that the seed chooses."""
    source = prose(language)
    topic = source.topics[number(f"{seed} topic", 0, len(source.topics) - 1)]
    return [topic.fill(sentence) for sentence in choose(seed, source.generic, count)]


def number(seed: str, low: int, high: int) -> int:
    """Give a number from `low` to `high`, both included, the same for the same seed on every machine."""
    return low + int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) % (high - low + 1)
