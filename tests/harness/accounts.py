"""The ledger check that ends every fault test: N in, N accounted for, nothing lost, nothing twice, nothing held.

`check_ledger(fleet)` reads the books of a settled fleet and holds them against what the site is known to have. It gives
a `Tally`, one line of the table in `docs/reliability.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import tantivy
from tests.harness.books import Books
from tests.harness.fleet import Fleet
from tests.site.expected import Expected

from tidemill.search.tantivy.cursor import read_cursor

_LATEST = "(SELECT id FROM runs ORDER BY created_at DESC, id DESC LIMIT 1)"
_VISITS = (
    "SELECT p.url, coalesce(v.outcome, v.state), v.reason FROM visits v JOIN pages p ON p.id = v.page_id"
    f" WHERE v.run_id = {_LATEST}"
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a fault has cost. `kills` counts every blow that the test struck, whatever its kind."""

    fault: str
    backend: str
    kills: int
    pages: int
    lost: int
    unexpected: int
    twice: int
    recovery_s: float
    """The longest time for which what a dead process held stayed in its name; 0 if that was not measured."""
    runs: int = 1

    def as_line(self) -> dict[str, object]:
        """As one line of a report file."""
        return asdict(self)


Collect = Callable[[Tally], None]


def unheard(_: Tally) -> None:
    """Nobody collects tallies."""


def check_ledger(
    fleet: Fleet,
    fault: str,
    *,
    collect: Collect = unheard,
    folder: str = "/n/",
    dead_letters: Iterable[str] = (),
    blows: int | None = None,
    searchable: bool = True,
) -> Tally:
    """Count what became of every page below `folder`; fail with every difference from what should have.

    `dead_letters` are the paths that must have ended there, and no others. `blows` are faults other than kills, if the
    test struck such. `searchable` holds the search index against the documents as well: no process may be left then.
    """
    books, dead = fleet.books, frozenset(dead_letters)
    books.check()
    expected = {path: truth for path, truth in fleet.site.truth.items() if path.startswith(folder)}
    found = _outcomes(fleet, books)
    lost = sorted(_lost(books, fleet, expected, dead))
    # Sitemaps and feeds outside of the folder are looked at by their names, and skipped.
    unexpected = sorted(path for path, how in found.items() if path not in expected and how != "skipped")
    twice = _twice(books)
    kills = sum(fleet.kills.values()) if blows is None else blows
    tally = Tally(
        fault, fleet.backend.title, kills, len(expected), len(lost), len(unexpected), len(twice),
        round(max(fleet.recovery_s, default=0.0), 2),
    )  # fmt: skip
    collect(tally)
    problems = [
        *(f"lost: {path}" for path in lost),
        *(f"unexpected: {path} ({found[path]})" for path in unexpected),
        *(f"twice: {line}" for line in twice),
        *_wrong_outcomes(found, expected, dead),
        *_wrong_dead_letters(books, fleet, dead),
        *_left_over(fleet, books),
        *_asked_too_often(fleet, expected),
        *(_unsearchable(books) if searchable else ()),
    ]
    assert not problems, "\n".join([f"{tally}", *problems[:40]])
    return tally


def _outcomes(fleet: Fleet, books: Books) -> dict[str, str]:
    base = fleet.site.base_url
    return {url.removeprefix(base): outcome for url, outcome, _ in books.rows(_VISITS)}


def _lost(books: Books, fleet: Fleet, expected: dict[str, Expected], dead: frozenset[str]) -> Iterable[str]:
    """Pages that are to be documents and are none, or that the ledger does not know at all."""
    base = fleet.site.base_url
    stored = "SELECT p.url FROM documents d JOIN pages p ON p.id = d.page_id WHERE d.state IN ('current', 'duplicate')"
    documents = {url.removeprefix(base) for (url,) in books.rows(stored)}
    known = {url.removeprefix(base) for (url,) in books.rows("SELECT url FROM pages")}
    for path, truth in expected.items():
        is_document = truth.outcome in ("stored", "duplicate") and path not in dead
        if path not in known or (is_document and path not in documents):
            yield path


def _twice(books: Books) -> list[str]:
    """Effects that happened more than once: rows, versions, events, dead letters."""
    once = {
        "documents": "page_id, item_key",
        "captures": "run_id, page_id",
        "document_versions": "document_id, version",
        "dead_letters": "capture_id",
    }
    found = [
        f"{table} {row}"
        for table, key in once.items()
        for row in books.rows(f"SELECT {key}, count(*) FROM {table} GROUP BY {key} HAVING count(*) > 1")
    ]
    found += [
        f"version {version} of {row}"
        for row, version in books.rows("SELECT id, version FROM documents WHERE version > 1")
    ]
    again = (
        "SELECT document_id, kind, count(*) FROM events WHERE document_id IS NOT NULL"
        " GROUP BY document_id, kind HAVING count(*) > 1"
    )
    return [*found, *(f"event {row}" for row in books.rows(again))]


def _wrong_outcomes(found: dict[str, str], expected: dict[str, Expected], dead: frozenset[str]) -> Iterable[str]:
    for path, truth in expected.items():
        outcome = found.get(path, "not in the ledger")
        right = outcome == "dead" if path in dead else truth.allows(outcome, truth.reason)
        if not right:
            yield f"{path} is {outcome}, expected {'dead' if path in dead else truth.outcome}"


def _wrong_dead_letters(books: Books, fleet: Fleet, dead: frozenset[str]) -> list[str]:
    rows = books.rows("SELECT url, reason, message FROM dead_letters WHERE state = 'open'")
    found = {url.removeprefix(fleet.site.base_url): f"{reason}: {message}" for url, reason, message in rows}
    missing = [f"no dead letter of {path}" for path in dead - found.keys()]
    return [*missing, *(f"dead letter of {path}: {why}" for path, why in found.items() if path not in dead)]


def _left_over(fleet: Fleet, books: Books) -> list[str]:
    waiting = books.count("waiting")
    depth = fleet.queue_depth()
    return [
        *([f"{waiting} captures still wait"] if waiting else []),
        *([f"the broker still holds {depth} messages"] if depth else []),
    ]


def _asked_too_often(fleet: Fleet, expected: dict[str, Expected]) -> list[str]:
    """A page is asked for again only because its crawler died."""
    most = 1 + fleet.kills["crawler"] + fleet.kills["up"] + fleet.kills["crawl"]
    return [f"{path} was asked for {n} times" for path, n in fleet.hits().items() if path in expected and n > most]


def _unsearchable(books: Books) -> list[str]:
    """The index has every current document once, and its cursor is behind none of the changes."""
    root = books.data_dir / "index"
    cursor = read_cursor(root)
    if cursor is None:
        return ["there is no search index"]
    searcher = tantivy.Index.open(str(root / cursor.folder)).searcher()
    current = books.count("documents", "state = 'current'")
    head = int(books.one("SELECT coalesce(max(id), 0) FROM events WHERE document_id IS NOT NULL"))
    return [
        *([f"{searcher.num_docs} documents are searchable of {current}"] if searcher.num_docs != current else []),
        *([f"the index ends at event {cursor.event_id} of {head}"] if cursor.event_id < head else []),
    ]
