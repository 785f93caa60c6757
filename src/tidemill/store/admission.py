"""Entering discovered URLs in the ledger of a run: the pages they are, their visits, and what is decided at the door.

In: what visits found. Out: rows. A URL that the ledger has already stays as it is, but for its depth. Three things are
decided here, in the transaction, so that they hold for several crawlers and after any restart: how many URLs of a
family a run visits (traps), which pages need no request because their listing says so, and which pages came with
their listing. Called by the ledger and by the beginning of a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, bindparam, func, literal, or_, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.capture import Capture
from tidemill.models.ids import page_id
from tidemill.models.outcome import Outcome, VisitState
from tidemill.models.recrawl import rests
from tidemill.models.source import RecrawlRules
from tidemill.models.visit import Found
from tidemill.store import captures as captures_store
from tidemill.store.engine import insert as upsert
from tidemill.store.many import execute_many
from tidemill.store.tables import captures, pages, url_patterns, visits

_MOST_AT_ONCE = 5000
_SETTLED = (Outcome.STORED, Outcome.CHANGED, Outcome.UNCHANGED, Outcome.DUPLICATE, Outcome.INVALID)
_REOPENED = ("depth", "nofollow")


@dataclass(frozen=True, slots=True)
class Entry:
    """The run into whose ledger URLs are entered. `due_only`: known pages that are not due stay out of it."""

    run_id: str
    source_id: str
    recrawl: RecrawlRules
    full: bool = False
    due_only: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """What need not be asked for: requests that were not sent, and bytes (uncompressed) that were not received."""

    requests: int = 0
    size_bytes: int = 0


_Row = tuple[str, Found]


def _entering() -> tuple[Any, Any]:
    page, visit = upsert(pages), upsert(visits)
    nearer = page.on_conflict_do_update(
        index_elements=["id"],
        set_={"depth": page.excluded.depth, "hops": page.excluded.hops},
        where=page.excluded.depth < pages.c.depth,
    )
    reopens = or_(*(visits.c.reason == reason for reason in _REOPENED))
    refused = and_(visits.c.outcome == Outcome.SKIPPED.value, reopens)
    waiting = and_(visits.c.state == VisitState.PENDING.value, visit.excluded.depth < visits.c.depth)
    names = ("state", "outcome", "reason", "depth", "hops", "finished_at")
    reopened = visit.on_conflict_do_update(
        index_elements=["run_id", "page_id"],
        set_={name: visit.excluded[name] for name in names},
        where=and_(visit.excluded.outcome.is_(None), refused | waiting),
    )
    return nearer, reopened


_ENTER_PAGE, _ENTER_VISIT = _entering()
_GIVE_ITEM = (
    update(visits)
    .where(visits.c.run_id == bindparam("b_run"), visits.c.page_id == bindparam("b_page"))
    .values(
        state=bindparam("b_state"),
        outcome=bindparam("b_outcome"),
        reason=bindparam("b_reason"),
        capture_id=bindparam("b_capture"),
        finished_at=bindparam("b_finished_at"),
        attempts=1,
    )
)


async def enter(connection: AsyncConnection, entry: Entry, found: Sequence[Found], now: datetime) -> Saved:
    """Enter discovered URLs, and tell what their listings save."""
    if not found:
        return Saved()
    rows = [(page_id(entry.source_id, each.url), each) for each in found]
    rows, unsaved = await _without_resting(connection, entry, rows, now)
    rows, surplus = await _within_budgets(connection, entry, rows)
    if not rows:
        return unsaved
    await execute_many(connection, _ENTER_PAGE, [_page(entry, identifier, each, now) for identifier, each in rows])
    await execute_many(connection, _ENTER_VISIT, [_visit(entry, identifier, each, now) for identifier, each in rows])
    for chunk in _chunks(surplus):
        await connection.execute(update(pages).where(pages.c.id.in_(chunk)).values(over_budget=True))
    await _give_items(connection, entry, rows, now)
    saved = await _rest(connection, entry, rows, now)
    return Saved(saved.requests + unsaved.requests, saved.size_bytes + unsaved.size_bytes)


def _page(entry: Entry, identifier: str, found: Found, now: datetime) -> dict[str, Any]:
    return {
        "id": identifier,
        "source_id": entry.source_id,
        "url": found.url,
        "origin": found.origin,
        "kind": found.kind,
        "depth": found.depth,
        "hops": found.hops,
        "pattern": found.pattern,
        "is_item": found.item is not None,
        "first_seen_at": now,
    }


def _visit(entry: Entry, identifier: str, found: Found, now: datetime) -> dict[str, Any]:
    return {
        "run_id": entry.run_id,
        "page_id": identifier,
        "origin": found.origin,
        "state": (VisitState.DONE if found.skip else VisitState.PENDING).value,
        "outcome": Outcome.SKIPPED.value if found.skip else None,
        "reason": found.skip,
        "depth": found.depth,
        "hops": found.hops,
        "not_before": now,
        "is_listing": found.kind != "page",
        "finished_at": now if found.skip else None,
    }


async def _within_budgets(connection: AsyncConnection, entry: Entry, rows: list[_Row]) -> tuple[list[_Row], list[str]]:
    """Refuse, as traps, the new URLs of a family that are beyond what a run may visit of it; gives also their pages."""
    families = {found.pattern for _, found in rows if found.pattern is not None and found.skip is None}
    if not families:
        return rows, []
    members = [identifier for identifier, found in rows if found.pattern in families]
    known = set[str]()
    for chunk in _chunks(members):
        entered = or_(visits.c.reason.is_(None), visits.c.reason.not_in(_REOPENED))  # those are judged when reopened
        of_run = and_(visits.c.run_id == entry.run_id, visits.c.page_id.in_(chunk), entered)
        known |= set((await connection.execute(select(visits.c.page_id).where(of_run))).scalars())
    admitted = Counter(await _admitted(connection, entry.run_id, sorted(families)))
    judged: list[_Row] = []
    surplus: list[str] = []
    for identifier, found in rows:
        pattern = found.pattern
        if pattern is None or found.skip is not None or identifier in known:
            judged.append((identifier, found))
        elif admitted[pattern] < (found.budget or 1):
            admitted[pattern] += 1
            judged.append((identifier, found))
        else:
            surplus.append(identifier)
            judged.append((identifier, replace(found, skip="trap")))
    counted = [{"run_id": entry.run_id, "pattern": each, "admitted": admitted[each]} for each in sorted(families)]
    statement = upsert(url_patterns)
    grown = {"admitted": statement.excluded.admitted}
    await connection.execute(statement.on_conflict_do_update(index_elements=["run_id", "pattern"], set_=grown), counted)
    return judged, surplus


async def _admitted(connection: AsyncConnection, run_id: str, patterns: list[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for chunk in _chunks(patterns):
        of_run = and_(url_patterns.c.run_id == run_id, url_patterns.c.pattern.in_(chunk))
        statement = select(url_patterns.c.pattern, url_patterns.c.admitted).where(of_run)
        counted |= {row.pattern: row.admitted for row in await connection.execute(statement)}
    return counted


async def _without_resting(
    connection: AsyncConnection, entry: Entry, rows: list[_Row], now: datetime
) -> tuple[list[_Row], Saved]:
    """In a run of due pages alone, a known page that is not due stays out, unless its listing says that it changed.

    Gives also what is not saved after all: the run began with the belief that such pages need no request.
    """
    if not entry.due_only:
        return rows, Saved()
    resting: dict[str, RowMapping] = {}
    for chunk in _chunks([identifier for identifier, _ in rows]):
        not_due = and_(pages.c.id.in_(chunk), pages.c.state == "known", pages.c.kind == "page", pages.c.due_at > now)
        statement = select(pages.c.id, pages.c.fetched_at, pages.c.size_bytes).where(not_due)
        resting |= {row["id"]: row for row in (await connection.execute(statement)).mappings()}

    def stays_out(identifier: str, found: Found) -> bool:
        row = resting.get(identifier)
        if row is None or found.item is not None:
            return False
        return rests(found.modified_at, row["fetched_at"], now, entry.recrawl) is not False

    entering = [(identifier, found) for identifier, found in rows if not stays_out(identifier, found)]
    brought = {identifier for identifier, found in entering if identifier in resting and found.item is None}
    for chunk in _chunks(sorted(brought)):
        of_run = and_(visits.c.run_id == entry.run_id, visits.c.page_id.in_(chunk))
        brought -= set((await connection.execute(select(visits.c.page_id).where(of_run))).scalars())
    return entering, Saved(-len(brought), -sum(resting[identifier]["size_bytes"] for identifier in brought))


async def _rest(connection: AsyncConnection, entry: Entry, rows: Sequence[_Row], now: datetime) -> Saved:
    """Known pages that have not changed since, as their listing says, are not asked for."""
    if entry.full:
        return Saved()
    dated = {identifier: found.modified_at for identifier, found in rows if found.modified_at and not found.item}
    saved = Saved()
    for chunk in _chunks(list(dated)):
        rested = [row for row in await _waiting(connection, entry, chunk) if _may_rest(row, dated, now, entry)]
        for (outcome, reason), members in _by_outcome(rested).items():
            await connection.execute(
                update(visits)
                .where(visits.c.run_id == entry.run_id, visits.c.page_id.in_([row["id"] for row in members]))
                .values(
                    state=VisitState.DONE.value,
                    outcome=outcome.value,
                    reason=reason,
                    finished_at=now,
                )
            )
        size = sum(row["size_bytes"] for row in rested)
        saved = Saved(saved.requests + len(rested), saved.size_bytes + size)
    return saved


async def _waiting(connection: AsyncConnection, entry: Entry, identifiers: Sequence[str]) -> Sequence[RowMapping]:
    statement = (
        select(pages.c.id, pages.c.fetched_at, pages.c.size_bytes, pages.c.last_outcome, pages.c.last_reason)
        .join(visits, visits.c.page_id == pages.c.id)
        .where(
            visits.c.run_id == entry.run_id,
            visits.c.page_id.in_(identifiers),
            visits.c.state == VisitState.PENDING.value,
            visits.c.attempts == 0,
            pages.c.body_hash.is_not(None),
            pages.c.last_outcome.in_([outcome.value for outcome in _SETTLED]),
        )
    )
    return (await connection.execute(statement)).mappings().all()


def _may_rest(row: RowMapping, dated: Mapping[str, datetime | None], now: datetime, entry: Entry) -> bool:
    return rests(dated[row["id"]], row["fetched_at"], now, entry.recrawl) is True


def _by_outcome(rows: Sequence[RowMapping]) -> dict[tuple[Outcome, str | None], list[RowMapping]]:
    grouped: dict[tuple[Outcome, str | None], list[RowMapping]] = {}
    for row in rows:
        grouped.setdefault(_as_before(row, "lastmod"), []).append(row)
    return grouped


def _as_before(row: RowMapping, reason: str) -> tuple[Outcome, str | None]:
    """A page that did not change ends as what it was: a duplicate stays one, an invalid page too."""
    before = row["last_outcome"]
    if before in (Outcome.DUPLICATE.value, Outcome.INVALID.value):
        return Outcome(before), row["last_reason"]
    return Outcome.UNCHANGED, reason


async def _give_items(connection: AsyncConnection, entry: Entry, rows: Sequence[_Row], now: datetime) -> None:
    """Pages that came with their listing are captured as they are entered, or unchanged if they are as before."""
    items = {identifier: found.item for identifier, found in rows if found.item is not None and found.skip is None}
    for chunk in _chunks(list(items)):
        statement = (
            select(visits.c.page_id, pages.c.body_hash, pages.c.last_outcome, pages.c.last_reason)
            .join(pages, pages.c.id == visits.c.page_id)
            .where(
                visits.c.run_id == entry.run_id,
                visits.c.page_id.in_(chunk),
                visits.c.state == VisitState.PENDING.value,
            )
        )
        waiting = {row["page_id"]: row for row in (await connection.execute(statement)).mappings()}
        fresh = [items[each] for each, row in waiting.items() if items[each].body_hash != row["body_hash"]]
        if fresh:
            await connection.execute(plain_insert(captures), [captures_store.row(item, now) for item in fresh])
            await captures_store.put(connection, fresh, now)
        if waiting:
            given = [_given(entry, items[identifier], row, now) for identifier, row in waiting.items()]
            await connection.execute(_GIVE_ITEM, given)


def _given(entry: Entry, item: Capture, page: RowMapping, now: datetime) -> dict[str, Any]:
    same = item.body_hash == page["body_hash"]
    outcome, reason = _as_before(page, "same_bytes") if same else (None, None)
    return {
        "b_run": entry.run_id,
        "b_page": item.page_id,
        "b_state": (VisitState.DONE if same else VisitState.CAPTURED).value,
        "b_outcome": outcome.value if outcome else None,
        "b_reason": reason,
        "b_capture": None if same else item.id,
        "b_finished_at": now if same else None,
    }


async def enter_known(connection: AsyncConnection, entry: Entry, now: datetime) -> Saved:
    """Enter the pages that the source is known to have: all, or only those that are due.

    Items come with their listing. URLs that an earlier run found to be beyond their family's budget stay refused; in a
    full run they are judged again when they are found again.
    """
    if entry.full:
        again = and_(pages.c.source_id == entry.source_id, pages.c.over_budget)
        await connection.execute(update(pages).where(again).values(over_budget=False, state="gone"))
    live = and_(pages.c.source_id == entry.source_id, pages.c.state == "known", pages.c.is_item.is_(False))
    due = live
    saved = Saved()
    if entry.due_only:
        resting = and_(live, pages.c.kind == "page", pages.c.due_at > now, pages.c.over_budget.is_(False))
        counted = select(func.count(), func.coalesce(func.sum(pages.c.size_bytes), 0)).where(resting)
        row = (await connection.execute(counted)).one()
        saved = Saved(int(row[0]), int(row[1]))
        due = and_(live, (pages.c.kind != "page") | pages.c.due_at.is_(None) | (pages.c.due_at <= now))
    await connection.execute(_known(entry, and_(due, pages.c.over_budget.is_(False)), now, skip=None))
    await connection.execute(_known(entry, and_(due, pages.c.over_budget.is_(True)), now, skip="trap"))
    admitted = select(literal(entry.run_id, url_patterns.c.run_id.type), pages.c.pattern, func.count())
    admitted = admitted.where(live, pages.c.pattern.is_not(None), pages.c.over_budget.is_(False))
    await connection.execute(
        plain_insert(url_patterns).from_select(["run_id", "pattern", "admitted"], admitted.group_by(pages.c.pattern))
    )
    return saved


def _known(entry: Entry, which: Any, now: datetime, *, skip: str | None) -> Any:
    state = VisitState.DONE if skip else VisitState.PENDING
    known = select(
        literal(entry.run_id, visits.c.run_id.type),
        pages.c.id,
        pages.c.origin,
        literal(state.value),
        literal(Outcome.SKIPPED.value if skip else None, visits.c.outcome.type),
        literal(skip, visits.c.reason.type),
        pages.c.depth,
        pages.c.hops,
        literal(now, visits.c.not_before.type),
        pages.c.kind != "page",
        literal(now if skip else None, visits.c.finished_at.type),
    ).where(which)
    columns = [
        "run_id",
        "page_id",
        "origin",
        "state",
        "outcome",
        "reason",
        "depth",
        "hops",
        "not_before",
        "is_listing",
        "finished_at",
    ]
    return upsert(visits).from_select(columns, known).on_conflict_do_nothing(index_elements=["run_id", "page_id"])


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _MOST_AT_ONCE):
        yield values[start : start + _MOST_AT_ONCE]
