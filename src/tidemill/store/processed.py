"""What the process stage made of captures becomes documents, versions, outcomes and events: one transaction a batch.

In: captures with drafts or failures. Out: how many pages had which outcome. Pool workers only compute; what is new,
changed, duplicate or removed is decided here, where nothing moves meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, and_
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.store import captures as captures_store
from tidemill.store import closing, duplicates, events, groups, locks, near, plans, removal, runs, writing
from tidemill.store.again import tried_again
from tidemill.store.engine import Store
from tidemill.store.judge import Member
from tidemill.store.plans import PagePlan, Plan
from tidemill.store.tables import waiting
from tidemill.telemetry.steps import reached


@tried_again
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
    wanted = locks.of_sources(capture.source_id for capture, _ in batch)
    async with store.write(locks.EVENTS, *wanted) as connection:
        now = store.now()
        ours = await _still_ours(connection, token, [capture.id for capture, _ in batch])
        done = [(c, result) for c, result in batch if c.id in ours and isinstance(result, Processed)]
        failed = [(c, result) for c, result in batch if c.id in ours and isinstance(result, Failure)]
        counted: Counter[str] = Counter()
        for run_id in sorted({capture.run_id for capture, _ in done}):  # a page stands but once in a run
            of_run = [(capture, result) for capture, result in done if capture.run_id == run_id]
            planned = await plans.of_batch(connection, of_run)
            await _carry_out(connection, planned, run_id, now)
            counted.update(await closing.close(connection, planned, now))
        counted.update(await closing.put_back(connection, failed, now, max_attempts, retry_delay_s))
        await runs.complete(connection, sorted({capture.run_id for capture, _ in batch}), now)
        reached("process.before_commit")
        return dict(counted)


@tried_again
async def store_reprocessed(store: Store, batch: Sequence[tuple[Capture, Processed]]) -> dict[str, int]:
    """Store what became of captures that were processed before. Returns how many pages had which outcome.

    What is decided of documents is the same as in `store_batch`, but for those that the rules refuse now: see
    `withdrawal`. The ledger and what is known of pages stay as they are. Captures that are not the last that their
    pages have shown are left alone, and not counted.
    """
    async with store.write(locks.EVENTS) as connection:
        now = store.now()
        counted: Counter[str] = Counter()
        for run_id in sorted({capture.run_id for capture, _ in batch}):
            of_run = [(capture, result) for capture, result in batch if capture.run_id == run_id]
            planned = await plans.of_stored(connection, of_run)
            await _carry_out(connection, planned, run_id, now, correct=False)
            counted.update(page.verdict()[0].value for page in planned)
        return dict(counted)


async def _still_ours(connection: AsyncConnection, token: str, capture_ids: Sequence[str]) -> set[str]:
    claimed = and_(waiting.c.capture_id.in_(capture_ids), waiting.c.token == token)
    return set(await captures_store.hold(connection, claimed))


async def _carry_out(
    connection: AsyncConnection, planned: Sequence[PagePlan], run_id: str, now: datetime, *, correct: bool = True
) -> None:
    """Write documents, then settle which of them and of those stored before are duplicates."""
    every = [plan for page in planned for plan in page.plans]
    written = [plan for plan in every if plan.write]
    removed = [row for page in planned for row in page.removed]
    await writing.keep_versions(connection, written, now)
    await writing.write_documents(connection, written, now)
    await removal.mark_removed(connection, removed, run_id=run_id, now=now)
    withdrawn = [plan for plan in written if plan.withdrawn]
    settled = await _settle(connection, [plan for plan in every if not plan.draft.problems], removed, withdrawn)
    for plan in every:
        if plan.id in settled:
            plan.standing = settled[plan.id].standing
    own = {plan.id for plan in written}
    await groups.write(connection, [each for each in settled.values() if each.member.id in own], now)
    await events.append(connection, [line for plan in written if (line := writing.event_of(plan, now))])
    others = [each for each in settled.values() if each.member.id not in own]
    await groups.restate(connection, others, run_id=run_id, now=now, correct=correct)


async def _settle(
    connection: AsyncConnection, valid: Sequence[Plan], removed: Sequence[RowMapping], withdrawn: Sequence[Plan]
) -> dict[str, duplicates.Settled]:
    """The standings that this batch changes, of its own documents and of others."""
    entered = [plan.node() for plan in valid]
    gone = [near.member_of(row) for row in removed if row["state"] in near.LIVE]
    gone += [was for plan in withdrawn if (was := plan.was()) is not None]
    left, naming = list(gone), list(gone)
    for plan, node in zip(valid, entered, strict=True):
        was = plan.was()
        if plan.before is not None and (was is None or was.content_hash != node.member.content_hash):
            left.append(was or near.member_of(plan.before))
        naming += _told_anew(was, node.member)
    return await duplicates.settle(connection, entered, left, naming)


def _told_anew(was: Member | None, now: Member) -> list[Member]:
    """What a document was and is, if it names another page as canonical than before."""
    if was is not None and was.names() == now.names():
        return []
    return [each for each in (was, now) if each is not None and each.names()]
