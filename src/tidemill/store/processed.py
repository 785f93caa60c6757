"""What the process stage made of captures becomes documents, versions, outcomes and events: one transaction a batch.

Pool workers only compute; what is new, changed, duplicate or removed is decided here, where nothing moves meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.capture import Capture
from tidemill.models.document import DocumentState, Draft, Processed
from tidemill.models.event import DOCUMENT_CHANGED, DOCUMENT_DUPLICATE, DOCUMENT_STORED
from tidemill.models.failure import Failure
from tidemill.models.ids import derived_id, document_id, new_id
from tidemill.models.outcome import BY_PRECEDENCE, Outcome, VisitState
from tidemill.store import events, groups, judge, removal, runs
from tidemill.store.due import due_of
from tidemill.store.engine import Store
from tidemill.store.engine import insert as upsert
from tidemill.store.judge import Member, Standing
from tidemill.store.rows import draft_values, old_version
from tidemill.store.tables import (
    captures,
    dead_letters,
    document_tags,
    document_versions,
    documents,
    pages,
    tags,
    visits,
)

_LIVE = (DocumentState.CURRENT, DocumentState.DUPLICATE)
_CLOSE_VISIT = (
    update(visits)
    .where(visits.c.run_id == bindparam("b_run"), visits.c.page_id == bindparam("b_page"))
    .where(visits.c.capture_id == bindparam("b_capture"), visits.c.state == VisitState.CAPTURED.value)
    .values(
        state=VisitState.DONE.value,
        outcome=bindparam("b_outcome"),
        reason=bindparam("b_reason"),
        finished_at=bindparam("b_now"),
    )
)
_SETTLE_PAGE = (
    update(pages)
    .where(pages.c.id == bindparam("b_page"))
    .where(func.coalesce(pages.c.fetched_at, bindparam("b_fetched_at")) <= bindparam("b_fetched_at"))
    .values(
        etag=bindparam("b_etag"),
        last_modified=bindparam("b_last_modified"),
        body_hash=bindparam("b_body_hash"),
        capture_id=bindparam("b_capture"),
        last_outcome=bindparam("b_outcome"),
        last_reason=bindparam("b_reason"),
        fetched_at=bindparam("b_fetched_at"),
        changed_at=func.coalesce(bindparam("b_changed_at", type_=pages.c.changed_at.type), pages.c.changed_at),
        change_count=pages.c.change_count + bindparam("b_changed"),
        interval_s=bindparam("b_interval_s"),
        due_at=bindparam("b_due_at", type_=pages.c.due_at.type),
        size_bytes=bindparam("b_size_bytes"),
        visit_count=pages.c.visit_count + 1,
        missing_runs=0,
        state="known",
    )
)


@dataclass(slots=True)
class _Plan:
    """One draft on its way into the store. `before` is the whole row that it replaces, if there is one."""

    id: str
    capture: Capture
    draft: Draft
    before: RowMapping | None
    standing: Standing
    write: bool = True

    @property
    def changed(self) -> bool:
        """Whether it says something else than before; coming back after a removal is a change, too."""
        before = self.before
        if before is None or before["state"] == DocumentState.REMOVED.value:
            return True
        return bool(before["fingerprint"] != self.draft.fingerprint)

    @property
    def content(self) -> groups.Content:
        return (self.capture.source_id, self.draft.content_hash)

    @property
    def outcome(self) -> Outcome:
        before = DocumentState(self.before["state"]) if self.before is not None else None
        if self.draft.problems:
            return Outcome.INVALID
        return judge.outcome_of(before, self.standing.state, changed=self.changed)


@dataclass(slots=True)
class _Page:
    """What becomes of the page of one capture."""

    capture: Capture
    reason: str | None = None
    plans: list[_Plan] = field(default_factory=list)
    removed: list[RowMapping] = field(default_factory=list)
    stale: bool = False

    def verdict(self) -> tuple[Outcome, str | None]:
        if self.stale:
            return Outcome.UNCHANGED, "older_capture"
        found = [plan.outcome for plan in self.plans]
        if self.removed:
            found.append(Outcome.CHANGED)
        if not found:
            return Outcome.INVALID, self.reason or "empty_content"
        outcome = judge.first_that_applies(found)
        if outcome is Outcome.INVALID:
            return outcome, next((plan.draft.problems[0] for plan in self.plans if plan.draft.problems), self.reason)
        return outcome, "exact_content" if outcome is Outcome.DUPLICATE else None


async def store_batch(
    store: Store,
    token: str,
    batch: Sequence[tuple[Capture, Processed | Failure]],
    *,
    max_attempts: int,
    retry_delay_s: float = 1.0,
) -> dict[str, int]:
    """Store what became of claimed captures. Returns how many pages had which outcome (`retry` for those put back).

    Captures whose claim was taken back meanwhile are left alone. The outcome of a page is final with this commit only.
    """
    async with store.write() as connection:
        now = store.now()
        ours = await _still_ours(connection, token, [capture.id for capture, _ in batch])
        done = [(c, result) for c, result in batch if c.id in ours and isinstance(result, Processed)]
        failed = [(c, result) for c, result in batch if c.id in ours and isinstance(result, Failure)]
        counted: dict[str, int] = {}
        for run_id in sorted({capture.run_id for capture, _ in done}):  # a page stands but once in a run
            of_run = [(capture, result) for capture, result in done if capture.run_id == run_id]
            for outcome, count in (await _store_processed(connection, run_id, of_run, now)).items():
                counted[outcome] = counted.get(outcome, 0) + count
        for outcome, count in (await _store_failed(connection, failed, now, max_attempts, retry_delay_s)).items():
            counted[outcome] = counted.get(outcome, 0) + count
        await runs.complete(connection, sorted({capture.run_id for capture, _ in batch}), now)
        return counted


async def _still_ours(connection: AsyncConnection, token: str, capture_ids: Sequence[str]) -> dict[str, Any]:
    claimed = and_(captures.c.id.in_(capture_ids), captures.c.token == token, captures.c.state == "claimed")
    return {row.id: row for row in await connection.execute(select(captures.c.id).where(claimed))}


async def _store_processed(
    connection: AsyncConnection, run_id: str, done: Sequence[tuple[Capture, Processed]], now: datetime
) -> dict[str, int]:
    page_ids = [capture.page_id for capture, _ in done]
    standing = await _documents_of(connection, page_ids)
    seen = await _seen_at(connection, page_ids)
    planned = [
        _Page(capture, stale=True)
        if capture.page_id in seen and seen[capture.page_id] > capture.fetched_at
        else _plan(capture, result, standing.get(capture.page_id, {}))
        for capture, result in done
    ]
    flips = await _decide(connection, planned)
    plans = [plan for page in planned for plan in page.plans if plan.write]
    await _keep_versions(connection, plans, now)
    await _write_documents(connection, plans, now)
    await events.append(connection, [line for plan in plans if (line := _event(plan, now))])
    for source_id, changes in flips.items():
        await groups.restate(connection, changes, run_id=run_id, source_id=source_id, now=now)
    for page in planned:
        await removal.remove(connection, page.removed, run_id=run_id, source_id=page.capture.source_id, now=now)
    return await _close(connection, planned, now)


async def _documents_of(connection: AsyncConnection, page_ids: Sequence[str]) -> dict[str, dict[str, RowMapping]]:
    found: dict[str, dict[str, RowMapping]] = {}
    for row in (await connection.execute(select(documents).where(documents.c.page_id.in_(page_ids)))).mappings():
        found.setdefault(row["page_id"], {})[row["id"]] = row
    return found


async def _seen_at(connection: AsyncConnection, page_ids: Sequence[str]) -> dict[str, datetime]:
    """When each page last showed what is stored of it, or that it has gone; captures from before are stale."""
    shown = [outcome.value for outcome in BY_PRECEDENCE]
    lately = or_(pages.c.last_outcome.in_(shown), and_(pages.c.state == "gone", pages.c.last_outcome == "gone"))
    at: Any = case((lately, pages.c.fetched_at), else_=captures.c.fetched_at).label("at")
    of_pages = pages.outerjoin(captures, captures.c.id == pages.c.capture_id)
    statement = select(pages.c.id, at).select_from(of_pages).where(pages.c.id.in_(page_ids))
    return {row.id: row.at for row in await connection.execute(statement) if row.at is not None}


def _plan(capture: Capture, result: Processed, before: Mapping[str, RowMapping]) -> _Page:
    """What a capture means for its page: what is invalid replaces nothing good."""
    page = _Page(capture, reason=result.reason)
    for draft in result.drafts:
        identifier = document_id(capture.page_id, draft.item_key)
        row = before.get(identifier)
        if not draft.problems:
            page.plans.append(_Plan(identifier, capture, draft, row, Standing(DocumentState.CURRENT)))
            continue
        keep = row is not None and DocumentState(row["state"]) in _LIVE
        page.plans.append(_Plan(identifier, capture, draft, row, Standing(DocumentState.INVALID), write=not keep))
    if any(not plan.draft.problems for plan in page.plans):
        given = {plan.id for plan in page.plans}
        left = [row for identifier, row in before.items() if identifier not in given]
        page.removed = [row for row in left if row["state"] != DocumentState.REMOVED.value]
    return page


async def _decide(connection: AsyncConnection, planned: Sequence[_Page]) -> dict[str, dict[str, Standing]]:
    """Settle every group of equal documents that this batch touches.

    Sets the standing of the batch's own plans; returns, by source, the new standings of documents stored before.
    """
    valid = [plan for page in planned for plan in page.plans if not plan.draft.problems]
    own = {plan.id: plan for plan in valid}
    leaving = {row["id"] for page in planned for row in page.removed}
    contents = {plan.content for plan in valid}
    contents |= {(plan.capture.source_id, plan.before["content_hash"]) for plan in valid if plan.before is not None}
    flips: dict[str, dict[str, Standing]] = {}
    for content, stored in (await groups.load(connection, contents)).items():
        others = {i: m for i, m in stored.items() if i not in own and i not in leaving}
        members = others | {plan.id: _member(plan) for plan in valid if plan.content == content}
        standings = judge.settle(members.values())
        for identifier, standing in standings.items():
            if identifier in own:
                own[identifier].standing = standing
        changes = judge.differing(others, {i: s for i, s in standings.items() if i in others})
        flips.setdefault(content[0], {}).update(changes)
    for plan in valid:
        plan.write = plan.changed or not _stands(plan)
    return flips


def _member(plan: _Plan) -> Member:
    return Member(
        id=plan.id,
        page_id=plan.capture.page_id,
        url=plan.capture.url,
        item_key=plan.draft.item_key,
        canonical_url=plan.draft.canonical_url,
        state=plan.standing.state,
        duplicate_of=plan.standing.duplicate_of,
    )


def _stands(plan: _Plan) -> bool:
    before = plan.before
    standing = (plan.standing.state.value, plan.standing.duplicate_of)
    return before is not None and (before["state"], before["duplicate_of"]) == standing


async def _keep_versions(connection: AsyncConnection, plans: Sequence[_Plan], now: datetime) -> None:
    kept = [old_version(plan.before, now) for plan in plans if plan.before is not None and plan.changed]
    if kept:
        await connection.execute(insert(document_versions), kept)


async def _write_documents(connection: AsyncConnection, plans: Sequence[_Plan], now: datetime) -> None:
    if not plans:
        return
    rows = [_row(plan, now) for plan in plans]
    statement = upsert(documents)
    replaced = {name: statement.excluded[name] for name in rows[0] if name not in {"id", "first_seen_at"}}
    await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=replaced), rows)
    await connection.execute(delete(document_tags).where(document_tags.c.document_id.in_([row["id"] for row in rows])))
    names = sorted({tag for plan in plans for tag in plan.draft.tags})
    if names:
        tag_rows = [{"id": derived_id("tag", name), "name": name} for name in names]
        await connection.execute(upsert(tags).on_conflict_do_nothing(index_elements=["id"]), tag_rows)
        links = [
            {"document_id": plan.id, "tag_id": derived_id("tag", name)} for plan in plans for name in plan.draft.tags
        ]
        ignore = upsert(document_tags).on_conflict_do_nothing(index_elements=["document_id", "tag_id"])
        await connection.execute(ignore, links)


def _row(plan: _Plan, now: datetime) -> dict[str, Any]:
    before = plan.before
    capture = plan.capture
    version = 1 if before is None else before["version"] + int(plan.changed)
    return {
        "id": plan.id,
        "source_id": capture.source_id,
        "page_id": capture.page_id,
        "item_key": plan.draft.item_key,
        "url": capture.url,
        "state": plan.standing.state.value,
        "duplicate_of": plan.standing.duplicate_of,
        "version": version,
        "capture_id": capture.id,
        "fetched_at": capture.fetched_at,
        "first_seen_at": now,
        "updated_at": now,
        **draft_values(plan.draft),
    }


def _event(plan: _Plan, now: datetime) -> dict[str, object] | None:
    if plan.standing.state is DocumentState.CURRENT:
        kind = DOCUMENT_CHANGED if plan.outcome is Outcome.CHANGED else DOCUMENT_STORED
    elif plan.standing.state is DocumentState.DUPLICATE:
        kind = DOCUMENT_DUPLICATE
    else:
        return None
    return events.line(
        kind,
        now,
        source_id=plan.capture.source_id,
        run_id=plan.capture.run_id,
        document_id=plan.id,
        payload={"url": plan.capture.url, "duplicate_of": plan.standing.duplicate_of},
    )


async def _close(connection: AsyncConnection, planned: Sequence[_Page], now: datetime) -> dict[str, int]:
    """The outcome of every page of the batch."""
    identifiers = [page.capture.id for page in planned]
    validators = select(captures.c.id, captures.c.etag, captures.c.last_modified).where(captures.c.id.in_(identifiers))
    sent = {row.id: row for row in await connection.execute(validators)}
    of_sources = {page.capture.source_id for page in planned}
    due = await due_of(connection, [page.capture.page_id for page in planned], of_sources)
    counted: dict[str, int] = {}
    visit_rows, page_rows = [], []
    for page in planned:
        outcome, reason = page.verdict()
        counted[outcome.value] = counted.get(outcome.value, 0) + 1
        capture = page.capture
        both = {"b_page": capture.page_id, "b_capture": capture.id, "b_outcome": outcome.value, "b_reason": reason}
        visit_rows.append({**both, "b_run": capture.run_id, "b_now": now})
        changed = outcome in (Outcome.STORED, Outcome.CHANGED)
        page_rows.append(
            {
                **both,
                "b_etag": sent[capture.id].etag,
                "b_last_modified": sent[capture.id].last_modified,
                "b_body_hash": capture.body_hash,
                "b_fetched_at": capture.fetched_at,
                "b_changed_at": now if changed else None,
                "b_changed": int(outcome is Outcome.CHANGED),
                "b_size_bytes": capture.size_bytes,
                **due.next(capture.page_id, capture.source_id, changed=outcome is Outcome.CHANGED, now=now),
            }
        )
    await connection.execute(_CLOSE_VISIT, visit_rows)
    await connection.execute(_SETTLE_PAGE, page_rows)
    done = {"state": "processed", "processed_at": now, "token": None, "worker_id": None}
    await connection.execute(update(captures).where(captures.c.id.in_(identifiers)).values(done))
    return counted


async def _store_failed(
    connection: AsyncConnection,
    failed: Sequence[tuple[Capture, Failure]],
    now: datetime,
    max_attempts: int,
    retry_delay_s: float,
) -> dict[str, int]:
    """Put failed captures back with a delay; after the last attempt they become dead letters."""
    counted: dict[str, int] = {}
    for capture, failure in failed:
        attempts = capture.attempts + 1
        dead = attempts >= max_attempts
        again = now + timedelta(seconds=retry_delay_s * 2**capture.attempts)
        state = {"state": "dead" if dead else "pending", "not_before": again, "attempts": attempts}
        mine = captures.c.id == capture.id
        await connection.execute(update(captures).where(mine).values(**state, token=None, worker_id=None))
        name = Outcome.DEAD.value if dead else "retry"
        counted[name] = counted.get(name, 0) + 1
        if dead:
            await _bury(connection, capture, failure, attempts, now)
    return counted


async def _bury(connection: AsyncConnection, capture: Capture, failure: Failure, attempts: int, now: datetime) -> None:
    letter = {
        "id": new_id(),
        "capture_id": capture.id,
        "run_id": capture.run_id,
        "source_id": capture.source_id,
        "url": capture.url,
        "reason": failure.reason,
        "error_type": failure.error_type,
        "message": failure.message,
        "place": failure.place,
        "trace": failure.trace,
        "attempts": attempts,
        "created_at": now,
    }
    await connection.execute(upsert(dead_letters).values(letter).on_conflict_do_nothing(index_elements=["capture_id"]))
    closed = {
        "b_run": capture.run_id,
        "b_page": capture.page_id,
        "b_capture": capture.id,
        "b_outcome": Outcome.DEAD.value,
        "b_reason": failure.reason,
        "b_now": now,
    }
    await connection.execute(_CLOSE_VISIT, [closed])
    last = {"last_outcome": Outcome.DEAD.value, "last_reason": failure.reason, "fetched_at": capture.fetched_at}
    await connection.execute(update(pages).where(pages.c.id == capture.page_id).values(last))
