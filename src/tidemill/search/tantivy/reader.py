"""The reading half of the engine: answers queries from the state that the cursor file points to.

Whenever that file was written again, by this process or another, the next question sees the new state. Everything here
blocks for milliseconds and may be called from any number of threads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import tantivy

from tidemill.errors import Transient
from tidemill.search.base import Hit, Position, SearchQuery, SearchResult
from tidemill.search.highlight import highlight
from tidemill.search.query import Clause, ParsedQuery, parse
from tidemill.search.tantivy.analysis import STEMMERS, Analysis
from tidemill.search.tantivy.compile import Compiled, Compiler
from tidemill.search.tantivy.cursor import Cursor, read_cursor
from tidemill.search.tantivy.failures import IndexDamaged, explained
from tidemill.search.tantivy.schema import SCHEMA_VERSION, stored_of
from tidemill.search.tantivy.wanted import wanted_of
from tidemill.search.tantivy.writer import open_index

_LOOKS = 5
_NO_POSITION = ("index_version", IndexDamaged.default_reason)


@dataclass(frozen=True, slots=True)
class _View:
    """One state of the index: the folder it is in, and the operation it ends at."""

    state: tuple[str, int]
    index: tantivy.Index
    searcher: tantivy.Searcher
    compiler: Compiler


class Reader:
    """Reads the index folder `root`."""

    def __init__(self, root: Path, analysis: Analysis) -> None:
        self._root = root
        self._analysis = analysis
        self._view: _View | None = None
        self._opening = Lock()

    def position(self) -> Position | None:
        """How far the index on disk is; `None` if there is none that this program can read."""
        try:
            cursor = self._cursor()
        except Transient as error:
            if error.reason in _NO_POSITION:
                return None
            raise
        return Position(cursor.epoch, cursor.event_id) if cursor else None

    def search(self, query: SearchQuery) -> SearchResult:
        """The answer; an empty one if there is no index yet. Raises `IndexDamaged`."""
        begun = time.perf_counter()
        view = self._look()
        total, hits = self._answer(view, query) if view else (0, ())
        return SearchResult(query.text, total, round((time.perf_counter() - begun) * 1000, 3), hits)

    def close(self) -> None:
        """Let go of the files."""
        self._view = None

    def _answer(self, view: _View, query: SearchQuery) -> tuple[int, tuple[Hit, ...]]:
        parsed = parse(query.text)
        compiled = view.compiler.compile(parsed, query)
        with explained("reading", self._root):
            total, found = _page(view.searcher, compiled, query)
            clauses = _shown(parsed, view.compiler)
            return total, tuple(
                self._hit(stored_of(view.searcher.doc(address)), score, clauses) for score, address in found
            )

    def _hit(self, stored: dict[str, Any], score: float, clauses: Sequence[Clause]) -> Hit:
        content = stored.pop("content")
        published = stored.pop("published_at")
        wanted = wanted_of(clauses, self._analysis, stored["language"])
        return Hit(
            score=round(score, 4),
            highlights=highlight(content, wanted),
            published_at=datetime.fromisoformat(published) if published else None,
            **stored,
        )

    def _cursor(self) -> Cursor | None:
        """The cursor, `None` if there is no index. Raises `Transient` if it is not one that this program can read."""
        with explained("reading", self._root):
            cursor = read_cursor(self._root)
        if cursor and cursor.version != SCHEMA_VERSION:
            raise Transient(
                f"the search index {self._root} is of schema version {cursor.version}, this program reads "
                f"{SCHEMA_VERSION}; it can be searched as soon as a new indexer has begun to build it again",
                reason="index_version",
            )
        return cursor

    def _look(self) -> _View | None:
        """The newest state. A rebuild may take the folder away while it is opened: then the cursor has moved on."""
        for _ in range(_LOOKS):
            cursor = self._cursor()
            try:
                return self._view_of(cursor) if cursor else None
            except IndexDamaged:
                if cursor == self._cursor():
                    raise
        raise Transient(f"the search index {self._root} is being rebuilt again and again", reason="index_unreadable")

    def _view_of(self, cursor: Cursor) -> _View:
        state = (cursor.folder, cursor.opstamp)
        view = self._view
        if view and view.state == state:
            return view
        with self._opening:
            view = self._view
            if not view or view.state != state:
                view = self._open(cursor, view)
                self._view = view
            return view

    def _open(self, cursor: Cursor, before: _View | None) -> _View:
        if before and before.state[0] == cursor.folder:
            index = before.index
            with explained("reading", self._root):
                index.reload()
        else:
            index = open_index(self._root / cursor.folder, self._analysis)
        with explained("reading", self._root):
            searcher = index.searcher()
            present = tuple(code for code, _ in searcher.terms_with_prefix("language", "") if code in STEMMERS)
        return _View(
            (cursor.folder, cursor.opstamp), index, searcher, Compiler(index.schema, searcher, self._analysis, present)
        )


def _page(
    searcher: tantivy.Searcher, compiled: Compiled, query: SearchQuery
) -> tuple[int, list[tuple[float, tantivy.DocAddress]]]:
    """The number of matches and the page asked for; unscored matches are listed newest first."""
    if compiled.query is None or not searcher.num_docs:
        return 0, []
    beyond = query.offset >= searcher.num_docs or not query.limit
    found = searcher.search(
        compiled.query,
        limit=1 if beyond else min(query.limit, searcher.num_docs),
        offset=0 if beyond else query.offset,
        order_by_field=None if compiled.scored else "published_at",
    )
    hits = [] if beyond else found.hits
    return _count(found), [(score if compiled.scored else 0.0, address) for score, address in hits]


def _count(found: tantivy.SearchResult) -> int:
    return int(found.count)  # type: ignore[attr-defined] # not in its stub


def _shown(parsed: ParsedQuery, compiler: Compiler) -> list[Clause]:
    """What to highlight: all that was asked for but stop words that did not count."""
    demands = [clause for clause in parsed.clauses if clause.required]
    return demands + compiler.meaningful([clause for clause in parsed.clauses if not clause.required])
