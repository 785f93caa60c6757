"""What captures mean for their pages and documents, before anything is written.

In: captures with what the process stage made of them, and what the store holds of their pages. Out: plans, one for each
draft, and the verdict on each page. Called by `processed`, inside its transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.capture import Capture
from tidemill.models.document import DocumentState, Draft, Processed
from tidemill.models.ids import document_id
from tidemill.models.outcome import BY_PRECEDENCE, Outcome
from tidemill.store import judge, near, withdrawal
from tidemill.store.judge import ORIGINAL, Member, Standing
from tidemill.store.near import Node
from tidemill.store.tables import captures, documents, pages
from tidemill.store.versions import values_held

_LIVE = (DocumentState.CURRENT, DocumentState.DUPLICATE)


@dataclass(slots=True)
class Plan:
    """One draft on its way into the store. `before` is the whole row that it replaces, if there is one.

    Without `write` the row stays as it is, apart from its standing.
    """

    id: str
    capture: Capture
    draft: Draft
    before: RowMapping | None
    standing: Standing
    write: bool

    @property
    def changed(self) -> bool:
        """Whether it says something else than before; coming back after a removal is a change, too."""
        before = self.before
        if before is None or before["state"] == DocumentState.REMOVED.value or self.withdrawn:
            return True
        return bool(before["fingerprint"] != self.draft.fingerprint)

    @property
    def withdrawn(self) -> bool:
        """Whether a live document becomes invalid."""
        return self.write and self.standing.state is DocumentState.INVALID and self.was() is not None

    @property
    def outcome(self) -> Outcome:
        """What became of this document."""
        before = DocumentState(self.before["state"]) if self.before is not None else None
        if self.draft.problems:
            return Outcome.INVALID
        return judge.outcome_of(before, self.standing.state, changed=self.changed)

    def node(self) -> Node:
        """The document in the eyes of those who look for duplicates."""
        draft, capture = self.draft, self.capture
        member = Member(
            id=self.id,
            source_id=capture.source_id,
            page_id=capture.page_id,
            url=capture.url,
            item_key=draft.item_key,
            canonical_url=draft.canonical_url,
            content_hash=draft.content_hash,
            standing=self.standing,
        )
        return near.node(member, draft.kind, draft.title, draft.fields, draft.signature, draft.content)

    def was(self) -> Member | None:
        """The live document that it was before."""
        return near.member_of(self.before) if self.before is not None and self.before["state"] in _LIVE else None


@dataclass(slots=True)
class PagePlan:
    """What becomes of the page of one capture. `stale`: a later capture has been stored already."""

    capture: Capture
    reason: str | None = None
    plans: list[Plan] = field(default_factory=list)
    removed: list[RowMapping] = field(default_factory=list)
    stale: bool = False

    def verdict(self) -> tuple[Outcome, str | None]:
        """The outcome of the page, with its reason."""
        if self.stale:
            reason = "older_capture"
            return Outcome.UNCHANGED, reason
        found = [plan.outcome for plan in self.plans]
        if self.removed:
            found.append(Outcome.CHANGED)
        if not found:
            return Outcome.INVALID, self.reason or "empty_content"
        outcome = judge.first_that_applies(found)
        if outcome is Outcome.INVALID:
            return outcome, next((plan.draft.problems[0] for plan in self.plans if plan.draft.problems), self.reason)
        if outcome is Outcome.DUPLICATE:
            standings = (plan.standing for plan in self.plans)
            return outcome, judge.reason_of(
                each.similarity for each in standings if each.state is DocumentState.DUPLICATE
            )
        return outcome, None


async def of_batch(connection: AsyncConnection, done: Sequence[tuple[Capture, Processed]]) -> list[PagePlan]:
    """The plan of each page of a batch in which no page stands twice."""
    page_ids = [capture.page_id for capture, _ in done]
    standing = await _documents_of(connection, page_ids)
    seen = await _seen_at(connection, page_ids)
    return [
        PagePlan(capture, stale=True)
        if capture.page_id in seen and seen[capture.page_id] > capture.fetched_at
        else plan_of(capture, result, standing.get(capture.page_id, {}))
        for capture, result in done
    ]


async def of_stored(connection: AsyncConnection, done: Sequence[tuple[Capture, Processed]]) -> list[PagePlan]:
    """The plan of each page that still shows what its capture showed; the others have none."""
    page_ids = [capture.page_id for capture, _ in done]
    statement = select(pages.c.id, pages.c.state, pages.c.capture_id, pages.c.body_hash).where(pages.c.id.in_(page_ids))
    rows = {row.id: row for row in await connection.execute(statement)}
    standing = await _documents_of(connection, page_ids)
    made = await _made_of(connection, [capture for capture, _ in done])
    return [
        plan_of(capture, result, standing.get(capture.page_id, {}), made)
        for capture, result in done
        if (row := rows.get(capture.page_id)) is not None
        and row.state != "gone"
        and (row.capture_id == capture.id or row.body_hash == capture.body_hash)
    ]


def plan_of(
    capture: Capture, result: Processed, before: Mapping[str, RowMapping], made_here: Collection[str] | None = None
) -> PagePlan:
    """What a capture means for its page: what a site shows and is invalid replaces nothing good.

    `made_here` is given if the capture is processed again: the documents that were made of the same bytes before. Then
    it is the rules that have changed, and what does not satisfy them ends.
    """
    page = PagePlan(capture, reason=result.reason)
    for draft in result.drafts:
        identifier = document_id(capture.page_id, draft.item_key)
        row = before.get(identifier)
        is_live = row is not None and row["state"] in _LIVE
        if draft.problems:
            plan = Plan(identifier, capture, draft, row, Standing(DocumentState.INVALID), write=True)
            plan.write = _ends(draft, row, made_here, identifier) if is_live else plan.changed
            page.plans.append(plan)
            continue
        same = row is not None and is_live and row["content_hash"] == draft.content_hash
        plan = Plan(
            identifier, capture, draft, row, _standing(row) if row is not None and same else ORIGINAL, write=True
        )
        plan.write = plan.changed or not is_live
        page.plans.append(plan)
    given = {plan.id for plan in page.plans}
    left = [key for key, row in before.items() if key not in given and row["state"] != DocumentState.REMOVED.value]
    ending = withdrawal.dropped(capture, result, left, made_here or ())
    page.removed = [before[key] for key in left if key in ending]
    return page


def _ends(draft: Draft, row: RowMapping | None, made_here: Collection[str] | None, identifier: str) -> bool:
    """Whether a live document is refused now; never in a crawl."""
    if row is None or made_here is None:
        return False
    return withdrawal.refuses(draft, values_held(row), made_here=identifier in made_here)


def _standing(row: RowMapping) -> Standing:
    return Standing(DocumentState(row["state"]), row["duplicate_of"], row["similarity"])


async def _documents_of(connection: AsyncConnection, page_ids: Sequence[str]) -> dict[str, dict[str, RowMapping]]:
    found: dict[str, dict[str, RowMapping]] = {}
    for row in (await connection.execute(select(documents).where(documents.c.page_id.in_(page_ids)))).mappings():
        found.setdefault(row["page_id"], {})[row["id"]] = row
    return found


async def _made_of(connection: AsyncConnection, done: Sequence[Capture]) -> set[str]:
    """The documents of these pages that were made of the same bytes as these captures hold."""
    hashes = {capture.page_id: capture.body_hash for capture in done}
    made = select(documents.c.id, documents.c.page_id, captures.c.body_hash)
    made = made.join(captures, captures.c.id == documents.c.capture_id).where(documents.c.page_id.in_(hashes))
    return {row.id for row in await connection.execute(made) if row.body_hash == hashes[row.page_id]}


async def _seen_at(connection: AsyncConnection, page_ids: Sequence[str]) -> dict[str, datetime]:
    """When each page last showed what is stored of it, or that it has gone; captures from before are stale."""
    shown = [outcome.value for outcome in BY_PRECEDENCE]
    lately = or_(pages.c.last_outcome.in_(shown), and_(pages.c.state == "gone", pages.c.last_outcome == "gone"))
    at: Any = case((lately, pages.c.fetched_at), else_=captures.c.fetched_at).label("at")
    of_pages = pages.outerjoin(captures, captures.c.id == pages.c.capture_id)
    statement = select(pages.c.id, at).select_from(of_pages).where(pages.c.id.in_(page_ids))
    return {row.id: row.at for row in await connection.execute(statement) if row.at is not None}
