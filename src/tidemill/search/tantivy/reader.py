"""The reading half of the engine: answers queries from the state that the cursor file points to.

Whenever that file was written again, by this process or another, the next question sees the new state. Everything here
blocks for milliseconds and may be called from any number of threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import tantivy

from tidemill.errors import NotFound, Transient
from tidemill.search.analysis import STEMMERS, Analysis
from tidemill.search.base import Hit, Position, SearchQuery, SearchResult
from tidemill.search.highlight import Wanted, highlight
from tidemill.search.plan import Planner
from tidemill.search.query import parse
from tidemill.search.tantivy.compile import Compiler
from tidemill.search.tantivy.counting import counts
from tidemill.search.tantivy.cursor import Cursor, CursorFile
from tidemill.search.tantivy.failures import IndexDamaged, explained
from tidemill.search.tantivy.pages import page
from tidemill.search.tantivy.schema import SCHEMA_VERSION, stored_of
from tidemill.search.tantivy.similar import alike
from tidemill.search.tantivy.suggest import completions
from tidemill.search.tantivy.writer import open_index
from tidemill.search.wanted import wanted_of

_LOOKS = 5
_NO_POSITION = ("index_version", IndexDamaged.default_reason)


@dataclass(frozen=True, slots=True)
class _View:
    """One state of the index: the folder it is in, and the operation it ends at."""

    state: tuple[str, int]
    index: tantivy.Index
    searcher: tantivy.Searcher
    planner: Planner
    compiler: Compiler


class Reader:
    """Reads the index folder `root`."""

    def __init__(self, root: Path, analysis: Analysis) -> None:
        self._root = root
        self._analysis = analysis
        self._cursor_file = CursorFile(root)
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
        return cursor.position if cursor else None

    def known_position(self) -> Position | None:
        """The same if the file on disk is the one that was read last; `None` if that has to be found out."""
        cursor = self._cursor_file.known()
        return cursor.position if cursor and cursor.version == SCHEMA_VERSION else None

    def search(self, query: SearchQuery) -> SearchResult:
        """The answer; an empty one if there is no index yet. Raises `IndexDamaged`."""
        begun = time.perf_counter()
        view = self._look()
        found = self._answer(view, query) if view else SearchResult(query.text, 0, 0.0, ())
        return replace(found, took_ms=round((time.perf_counter() - begun) * 1000, 3))

    def suggest(self, text: str, limit: int) -> tuple[str, ...]:
        """See `SearchEngine.suggest`."""
        view = self._look()
        if not view:
            return ()
        with explained("reading", self._root):
            return completions(view.index, view.searcher, self._analysis, text, limit)

    def similar(self, document_id: str, limit: int) -> SearchResult:
        """See `SearchEngine.similar`."""
        begun = time.perf_counter()
        view = self._look()
        with explained("reading", self._root):
            found = alike(view.index, view.searcher, self._analysis, document_id, limit) if view else None
            if found is None or view is None:
                raise NotFound(f"the search index has no document {document_id!r}", reason="no_such_document")
            total, pages = found
            hits = tuple(self._hit(stored_of(view.searcher.doc(at)), score, _nothing) for score, at in pages)
        return SearchResult("", total, round((time.perf_counter() - begun) * 1000, 3), hits)

    def close(self) -> None:
        """Let go of the files."""
        self._view = None

    def _answer(self, view: _View, query: SearchQuery) -> SearchResult:
        parsed = parse(query.text)
        compiled = view.compiler.compile(view.planner.plan(parsed, query))
        if compiled.query is None or not view.searcher.num_docs:
            return SearchResult(query.text, 0, 0.0, ())
        with explained("reading", self._root):
            total, found = page(view.searcher, compiled, query)
            clauses = view.planner.shown(parsed)
            wanted = cache(lambda stemmed: wanted_of(clauses, self._analysis, stemmed, fuzzy=query.fuzzy))
            hits = [self._hit(stored_of(view.searcher.doc(address)), score, wanted) for score, address in found]
            facets, histogram, errors = counts(view.searcher, compiled.counted or compiled.query, query)
        return SearchResult(query.text, total, 0.0, tuple(hits), facets, histogram, facet_errors=errors)

    def _hit(self, stored: dict[str, Any], score: float, wanted: Callable[[str | None], Wanted]) -> Hit:
        content = stored.pop("content")
        published, language = stored.pop("published_at"), stored["language"]
        return Hit(
            score=round(score, 4),
            highlights=highlight(content, wanted(language if language in STEMMERS else None)),
            published_at=datetime.fromisoformat(published) if published else None,
            **stored,
        )

    def _cursor(self) -> Cursor | None:
        """The cursor, `None` if there is no index. Raises `Transient` if it is not one that this program can read."""
        with explained("reading", self._root):
            cursor = self._cursor_file.read()
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
        state = (cursor.folder, cursor.opstamp)
        return _View(state, index, searcher, Planner(self._analysis, present), Compiler(index, searcher))


def _nothing(_: str | None) -> Wanted:
    """What is marked in documents that nobody asked for by words."""
    return Wanted()
