"""What a run came to, in a form in which two runs can be compared, and held against the truth of the site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.books import Books
from tests.harness.command import Tidemill
from tests.site.expected import Expected

Entry = Mapping[str, Any]
_OF_THE_MOMENT = ("id", "fetched_at")


@dataclass(frozen=True, slots=True)
class Report:
    """A run: its summary, the ledger by path, the documents without what depends on time and place."""

    run: Mapping[str, Any]
    ledger: dict[str, Entry]
    documents: list[dict[str, Any]]

    def outcomes(self) -> dict[str, tuple[str, str | None]]:
        """Outcome and reason by path."""
        return {path: (entry["outcome"], entry["reason"]) for path, entry in self.ledger.items()}


def report(tidemill: Tidemill, base_url: str, books: Books | None = None) -> Report:
    """The latest run of a data folder, its books checked; `books` are those of a database elsewhere."""
    (books or Books(tidemill.data_dir)).check()
    run = tidemill("runs", "show", "--json").expect(0).json
    entries = tidemill.ledger()
    assert_adds_up(run, entries)
    return Report(run, by_path(entries, base_url), [settled(each) for each in tidemill.documents()])


def settled(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without what differs from one data folder to the next."""
    return {name: value for name, value in document.items() if name not in _OF_THE_MOMENT}


def by_path(entries: Iterable[Entry], base_url: str) -> dict[str, Entry]:
    """A ledger by path; each URL must be of the site and stand there once."""
    found: dict[str, Entry] = {}
    for entry in entries:
        assert entry["url"].startswith(f"{base_url}/"), f"{entry['url']} is not of the site"
        path = entry["url"].removeprefix(base_url)
        assert path not in found, f"{path} stands in the ledger twice"
        found[path] = entry
    return found


def assert_adds_up(run: Mapping[str, Any], entries: list[Entry]) -> None:
    """`discovered` is the sum of the outcomes, and that is the ledger."""
    counted = Counter(entry["outcome"] for entry in entries)
    assert dict(run["outcomes"]) == dict(counted)
    assert run["discovered"] == sum(run["outcomes"].values()) == len(entries)


def against_truth(ledger: Mapping[str, Entry], truth: Mapping[str, Expected]) -> list[str]:
    """Everything in which a first run differs from the truth, one line each."""
    missing = [f"missing: {path}" for path in truth if path not in ledger]
    extra = [f"not of the truth: {path} ({entry['outcome']})" for path, entry in ledger.items() if path not in truth]
    wrong = [
        f"{path}: {entry['outcome']} ({entry['reason']}), expected {truth[path].outcome} ({truth[path].reason})"
        for path, entry in ledger.items()
        if path in truth and not truth[path].allows(entry["outcome"], entry["reason"])
    ]
    return [*missing, *extra, *wrong]
