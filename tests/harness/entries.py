"""The ledger of a run, read without starting a process: what `tidemill ledger --json` says, as far as tests ask."""

from __future__ import annotations

from tests.harness.books import Books
from tests.harness.reports import Entry

_COLUMNS = ("url", "outcome", "reason", "status_code", "depth")
_LATEST = (
    "SELECT p.url, coalesce(v.outcome, v.state), v.reason, v.status_code, v.depth FROM visits v"
    " JOIN pages p ON p.id = v.page_id"
    " WHERE v.run_id = (SELECT id FROM runs ORDER BY created_at DESC, id DESC LIMIT 1)"
)


def settled_ledger(books: Books) -> list[Entry]:
    """The ledger of the latest run, after holding the books against what must hold whenever nothing runs."""
    books.check()
    return [dict(zip(_COLUMNS, row, strict=True)) for row in books.rows(_LATEST)]


def verdicts(entries: list[Entry]) -> dict[str, tuple[str, str | None]]:
    """Outcome and reason by URL."""
    return {entry["url"]: (entry["outcome"], entry["reason"]) for entry in entries}
