"""Which of equal or alike documents is the original: pure decisions, the same whatever arrived first.

In: documents as members of a group, and their order of merit. Out: the standing of each, and what that means for its
page. Called inside the transaction that stores or removes documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from tidemill.models.document import DocumentState
from tidemill.models.outcome import BY_PRECEDENCE, Outcome

EXACT = 1.0
"""The similarity of equal contents; that of others is below, however alike they are."""
Rank: TypeAlias = tuple[bool, str, str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a document is to be."""

    state: DocumentState
    duplicate_of: str | None = None
    similarity: float | None = None


ORIGINAL = Standing(DocumentState.CURRENT)


@dataclass(frozen=True, slots=True)
class Member:
    """A document in the eyes of the judge. `canonical_url` is a URL key, or `None`; `standing` what it has now."""

    id: str
    source_id: str
    page_id: str
    url: str
    item_key: str
    canonical_url: str | None
    content_hash: str
    standing: Standing = ORIGINAL

    def names(self) -> str | None:
        """The URL of another page that it says is the canonical one."""
        return self.canonical_url if self.canonical_url != self.url else None


def rank(member: Member, named: Iterable[str]) -> Rank:
    """Its place in the order of merit, the best first: what others name as canonical, then by URL and item key."""
    return (member.url not in named, member.url, member.item_key, member.id)


def duplicate_of(original: str, similarity: float = EXACT) -> Standing:
    """The standing of a duplicate."""
    return Standing(DocumentState.DUPLICATE, original, similarity)


def follows(leader_id: str, leader: Standing) -> Standing:
    """The standing of a document that is equal to the leader of its group: a duplicate always names an original."""
    return duplicate_of(leader_id) if leader.state is DocumentState.CURRENT else leader


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


def reason_of(similarities: Iterable[float | None]) -> str:
    """Why a page ends as `duplicate` whose documents are so similar to their originals."""
    is_exact = all(similarity is None or similarity >= EXACT for similarity in similarities)
    return "exact_content" if is_exact else "near_duplicate"
