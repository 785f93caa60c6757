"""What a document is to be, and what that means for its page: decisions without a store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.document import DocumentState
from tidemill.models.outcome import Outcome
from tidemill.store.judge import (
    ORIGINAL,
    Member,
    duplicate_of,
    first_that_applies,
    follows,
    outcome_of,
    rank,
    reason_of,
)

URLS = [f"http://a/{letter}" for letter in "abcdef"]
CURRENT, DUPLICATE, INVALID, REMOVED = DocumentState


def member(identifier: str, url: str, *, item: str = "", canonical: str | None = None) -> Member:
    return Member(identifier, "source", f"page of {url}", url, item, canonical, "hash")


def test_the_smallest_url_is_the_best() -> None:
    assert rank(member("1", URLS[0]), ()) < rank(member("0", URLS[1]), ())


def test_what_another_names_as_canonical_is_better_than_the_smallest_url() -> None:
    assert rank(member("1", URLS[3]), {URLS[3]}) < rank(member("0", URLS[0]), {URLS[3]})


def test_two_items_of_one_page_are_told_apart_by_their_keys() -> None:
    assert rank(member("2", URLS[0], item="a"), ()) < rank(member("1", URLS[0], item="b"), ())


@given(st.sets(st.sampled_from(URLS)), st.permutations(range(6)))
def test_no_two_documents_are_equally_good(named: set[str], order: list[int]) -> None:
    members = [member(str(number), URLS[number % 3]) for number in order]
    assert len({rank(each, named) for each in members}) == len(members)


def test_naming_oneself_as_canonical_proves_nothing() -> None:
    assert member("1", URLS[0], canonical=URLS[0]).names() is None
    assert member("1", URLS[0], canonical=URLS[1]).names() == URLS[1]


def test_a_duplicate_always_names_an_original() -> None:
    assert follows("leader", ORIGINAL) == duplicate_of("leader", 1.0)
    assert follows("leader", duplicate_of("other", 0.93)) == duplicate_of("other", 0.93)


@pytest.mark.parametrize(
    ("similarities", "reason"),
    [([1.0], "exact_content"), ([None], "exact_content"), ([1.0, 0.999], "near_duplicate"), ([0.8], "near_duplicate")],
)
def test_why_a_page_is_a_duplicate(similarities: list[float | None], reason: str) -> None:
    assert reason_of(similarities) == reason


@pytest.mark.parametrize("after", [DUPLICATE, INVALID])
@pytest.mark.parametrize("before", [None, *DocumentState])
def test_a_document_that_is_not_shown_is_named_after_its_state(
    before: DocumentState | None, after: DocumentState
) -> None:
    assert (
        outcome_of(before, after, changed=True).value == outcome_of(before, after, changed=False).value == after.value
    )


@pytest.mark.parametrize("before", [None, INVALID, REMOVED])
def test_a_document_that_was_not_there_is_stored(before: DocumentState | None) -> None:
    assert outcome_of(before, CURRENT, changed=True) is Outcome.STORED


def test_a_document_that_was_there_is_changed_or_not() -> None:
    assert outcome_of(CURRENT, CURRENT, changed=True) is Outcome.CHANGED
    assert outcome_of(CURRENT, CURRENT, changed=False) is Outcome.UNCHANGED


def test_a_page_is_named_after_the_weightiest_of_its_documents() -> None:
    order = [Outcome.CHANGED, Outcome.STORED, Outcome.UNCHANGED, Outcome.DUPLICATE, Outcome.INVALID]
    for number, outcome in enumerate(order):
        assert first_that_applies(reversed(order[number:])) is outcome
