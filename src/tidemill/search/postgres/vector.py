"""A document as PostgreSQL searches it: one `tsvector` of its words, of its title and of its exact values.

In: a document. Out: a `Row` of `search_documents`. The words are made here, by the analysis that every engine shares,
so that a question finds the same whichever engine answers it; the server's own dictionaries are not asked. Lexemes are
stems as they are, `=word` as written (title A, content B), `^stem` of the title, `@word` of the author, `name:value`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from tidemill.models.document import Document
from tidemill.search.analysis import Analysis
from tidemill.search.text import clean
from tidemill.search.typed import PREFIX, typed
from tidemill.search.values import exact_values, hit_values, seconds, title_key

EXACT, TITLE, AUTHOR = "=", "^", "@"
NEVER = "'-'"
"""A lexeme that no document has."""

_MOST_TOKENS = 50_000
_MOST_POSITIONS = 255
_LAST_POSITION = 16_383
_MOST_BYTES = 900_000
_MOST_BYTES_OF_VALUES = 300_000
_LONGEST_VALUE = 400
_LONGEST_LEXEME_BYTES = 2000
"""The server takes 2,046 bytes, and refuses the whole document for one that is longer."""

_COUNTED = frozenset(("source", "kind", "language", "author_name", "host", "tag"))


@dataclass(frozen=True, slots=True)
class Row:
    """What stands in the table of one document, and the words by which others may be completed or corrected."""

    values: Mapping[str, Any]
    terms: frozenset[str]


@dataclass(slots=True)
class _Vector:
    """A tsvector in the making. The server takes a megabyte of it: what comes after that is not found."""

    positions: dict[str, list[str]] = field(default_factory=dict)
    size_bytes: int = 0

    def add(self, prefix: str, tokens: Iterable[str], weight: str = "", start: int = 1) -> None:
        for position, token in enumerate(tokens, start):
            lexeme = prefix + token
            held = self.positions.get(lexeme)
            if held is None:
                if not self._has_room(lexeme):
                    return
                held = self.positions[lexeme] = []
            if len(held) < _MOST_POSITIONS:
                self.size_bytes += 2
                held.append(f"{min(position, _LAST_POSITION)}{weight}")

    def value(self, name: str, value: str) -> None:
        lexeme = value_lexeme(name, value)
        if lexeme not in self.positions and self._has_room(lexeme, _MOST_BYTES_OF_VALUES):
            self.positions[lexeme] = []

    def _has_room(self, lexeme: str, most_bytes: int = _MOST_BYTES) -> bool:
        """Make room for a lexeme, if there is."""
        after = self.size_bytes + (len(lexeme) + 8 if lexeme.isascii() else 4 * len(lexeme))
        if after > most_bytes:
            return False
        self.size_bytes = after
        return True

    def __str__(self) -> str:
        return " ".join(
            f"{quoted(lexeme)}:{','.join(held)}" if held else quoted(lexeme) for lexeme, held in self.positions.items()
        )


def row_of(document: Document, analysis: Analysis) -> Row:
    """The row of a document."""
    draft = document.draft
    title, content = clean(draft.title), clean(draft.content)
    in_title = analysis.for_exact(title).analyze(title)
    in_content = analysis.for_exact(content).analyze(content)[:_MOST_TOKENS]
    title_stems = analysis.for_stems(title, draft.language).analyze(title)
    stems = analysis.for_stems(content, draft.language).analyze(content)[:_MOST_TOKENS]
    behind = len(in_title) + 2
    own = typed(draft.fields)
    exact = exact_values(document)
    vector = _Vector()
    for name, value in exact:
        vector.value(name, value)
    for name, values in own.texts.items():
        for value in values:
            vector.value(PREFIX + name, value)
    vector.add(AUTHOR, analysis.tokens(clean(draft.author or "")))
    vector.add(TITLE, title_stems, "A")
    vector.add(EXACT, in_title, "A")
    vector.add("", title_stems, "A")
    vector.add("", stems, "B", behind)
    vector.add(EXACT, in_content, "B", behind)
    row = {
        "id": document.id,
        "search_vector": str(vector),
        "words": len(title_stems) + len(stems),
        "title_words": len(title_stems),
        "published_at": seconds(draft.published_at) if draft.published_at else None,
        "title_key": title_key(title) or None,
        "language": draft.language,
        "counted": _json(_grouped((name, value) for name, value in exact if name in _COUNTED)),
        "own": _json({"n": own.numbers, "s": own.texts}),
        "stored": _json(hit_values(document, title)),
        "title": title,
        "content": content,
    }
    return Row(row, frozenset((*in_title, *in_content)))


def value_lexeme(name: str, value: str) -> str:
    """The lexeme of an exact value, cut where the server would not take more."""
    lexeme = f"{name}:{value[:_LONGEST_VALUE]}"
    return lexeme.encode()[:_LONGEST_LEXEME_BYTES].decode(errors="ignore")


def quoted(lexeme: str) -> str:
    """A lexeme as PostgreSQL reads it in a text."""
    doubled = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
