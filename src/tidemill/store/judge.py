"""Which of equal documents is the original: a pure decision, the same whatever arrived first.

In: the documents that share one content. Out: the state of each. Called inside the transaction that stores or removes
documents, with everything of that content the store holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tidemill.models.document import DocumentState
from tidemill.models.outcome import BY_PRECEDENCE, Outcome


@dataclass(frozen=True, slots=True)
class Member:
    """A document in the eyes of the judge. `canonical_url` is a URL key, or `None`."""

    id: str
    page_id: str
    url: str
    item_key: str
    canonical_url: str | None
    state: DocumentState
    duplicate_of: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a document is to be."""

    state: DocumentState
    duplicate_of: str | None = None


def settle(members: Iterable[Member]) -> dict[str, Standing]:
    """The standing of each of the documents that share one content.

    The original is the one that another names as `rel=canonical`, else the one with the smallest URL, then item key.
    """
    group = list(members)
    if not group:
        return {}
    named = {member.canonical_url for member in group if member.canonical_url not in (None, member.url)}
    original = min(group, key=lambda member: (member.url not in named, member.url, member.item_key, member.id))
    return {
        member.id: Standing(DocumentState.CURRENT)
        if member.id == original.id
        else Standing(DocumentState.DUPLICATE, original.id)
        for member in group
    }


def outcome_of(before: DocumentState | None, after: DocumentState, *, changed: bool) -> Outcome:
    """What became of one document: from the state it had (`None`: it is new) to the state it has.

    One that was a duplicate and is none any more was there before: what others did must not count as its own change.
    """
    if after is DocumentState.INVALID:
        return Outcome.INVALID
    if after is DocumentState.DUPLICATE:
        return Outcome.DUPLICATE
    if before not in (DocumentState.CURRENT, DocumentState.DUPLICATE):
        return Outcome.STORED
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def first_that_applies(found: Iterable[Outcome]) -> Outcome:
    """The outcome of a page whose documents had these."""
    held = set(found)
    return next(outcome for outcome in BY_PRECEDENCE if outcome in held)


def differing(members: Mapping[str, Member], standings: Mapping[str, Standing]) -> dict[str, Standing]:
    """The standings that are not what the documents have already."""
    return {
        identifier: standing
        for identifier, standing in standings.items()
        if (members[identifier].state, members[identifier].duplicate_of) != (standing.state, standing.duplicate_of)
    }
