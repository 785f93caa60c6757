"""Texts for the benchmark of the search: labelled questions in the manner of Cranfield, many documents of real words.

The labels are our own. An article is a topic; each of its documents holds a piece of it and a smaller one of another
article; its questions are sentences that stand in none of them. A document is the more relevant, the larger its piece.
"""

from __future__ import annotations

import lzma
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from tidemill.models.document import Document, DocumentState, Draft

PROSE = Path(__file__).resolve().parents[1] / "tests" / "site" / "prose"
_SYNTAX = re.compile(r"[\"“”„«»]|(?<!\S)-|\*|~")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
_FEWEST_WORDS, _MOST_WORDS = 6, 40
_DOCUMENTS_OF_TOPIC = 6
_MOST_QUESTIONS = 3
_FEWEST_SENTENCES = 5
_MOST_TOPICS = 80


@dataclass(frozen=True, slots=True)
class Labelled:
    """Documents, questions by number, and the grade (1 to 3) of each document that is relevant to a question."""

    documents: list[Document]
    questions: dict[int, str]
    grades: dict[int, dict[str, int]]


def document(number: int, title: str, content: str, *, language: str | None = "en") -> Document:
    """A document as the store would hand it out; what is counted and sorted by varies with its number."""
    draft = Draft(
        kind="article" if number % 5 else "note",
        title=title,
        content=content,
        language=language,
        author=f"Author {number % 211}",
        published_at=_MOMENT - timedelta(hours=number % 50_000),
        tags=(f"tag{number % 17}", f"tag{number % 5}"),
        summary=content[:120],
        word_count=content.count(" ") + 1,
    )
    return Document(
        id=f"d{number:07d}", source=f"source{number % 23}", page_id="p", url=f"https://h{number % 97}.example/{number}",
        state=DocumentState.CURRENT, version=1, duplicate_of=None, similarity=None, capture_id="c",
        fetched_at=_MOMENT, first_seen_at=_MOMENT, updated_at=_MOMENT, draft=draft,
    )  # fmt: skip


def articles(pages: Path | None) -> list[tuple[str, list[str]]]:
    """Title and sentences of each: of a file of labelled pages, or of the prose of the test site."""
    found = list(_of_pages(pages) if pages else _of_prose())
    return [(title, sentences) for title, sentences in found if len(sentences) >= _FEWEST_SENTENCES]


def labelled(texts: Sequence[tuple[str, list[str]]], seed: int = 7) -> Labelled:
    """The labelled collection of these articles; the same for the same seed."""
    chance = random.Random(seed)
    texts = chance.sample(texts, min(_MOST_TOPICS, len(texts)))
    documents: list[Document] = []
    questions: dict[int, str] = {}
    grades: dict[int, dict[str, int]] = {}
    for title, sentences in texts:
        asked = chance.sample(sentences, min(_MOST_QUESTIONS, len(sentences) // _FEWEST_SENTENCES))
        told = [each for each in sentences if each not in asked]
        held: dict[str, int] = {}
        for number in range(_DOCUMENTS_OF_TOPIC):
            part = _piece(chance, told, (0.2, 0.4, 0.8)[number % 3])
            other = _piece(chance, chance.choice(texts)[1], 0.3)
            body = part + [each for each in other if each not in sentences]
            # Half of the documents have a title of their own: not every page says well what it is about.
            made = document(len(documents), title if number % 2 else part[0][:60], " ".join(body))
            documents.append(made)
            held[made.id] = number % 3 + 1
        for question in asked:
            questions[len(questions)] = _SYNTAX.sub(" ", question)
            grades[len(questions) - 1] = held
    return Labelled(documents, questions, grades)


def _piece(chance: random.Random, sentences: Sequence[str], share: float) -> list[str]:
    """So large a part of a text, in its order."""
    count = max(1, round(len(sentences) * share))
    begin = chance.randrange(len(sentences) - count + 1)
    return list(sentences[begin : begin + count])


def many(
    texts: Sequence[tuple[str, list[str]]], count: int, seed: int = 11, *, sentences: int = 10
) -> Iterator[Document]:
    """`count` documents of about fifteen words a sentence: sentences of these articles in ever other company."""
    chance = random.Random(seed)
    titles = [title for title, _ in texts]
    known = [sentence for _, of_text in texts for sentence in of_text]
    for number in range(count):
        body = " ".join(chance.choices(known, k=sentences))
        yield document(number, f"{chance.choice(titles)} {number}", body)


def _of_prose() -> Iterator[tuple[str, list[str]]]:
    title, sentences = "", list[str]()
    for line in (PROSE / "en.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("* "):
            if title:
                yield title, sentences
            title, sentences = line[2:], []
        elif line and not re.match(r"==|\w+: ", line):
            sentences.append(line.strip())
    yield title, sentences


def _of_pages(path: Path) -> Iterator[tuple[str, list[str]]]:
    with lzma.open(path) as lines:
        for line in lines:
            truth = orjson.loads(line).get("truth") or {}
            content, title = truth.get("main_content") or "", truth.get("title") or ""
            parts = [" ".join(each.split()) for each in _SENTENCE.split(content)]
            kept = [each for each in parts if _FEWEST_WORDS <= each.count(" ") + 1 <= _MOST_WORDS]
            if title:
                yield title, list(dict.fromkeys(kept))[:40]
