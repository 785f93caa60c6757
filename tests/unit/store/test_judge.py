"""Which of equal documents is the original: one decision, whatever arrived first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.document import DocumentState
from tidemill.models.outcome import Outcome
from tidemill.store.judge import Member, Standing, differing, first_that_applies, outcome_of, settle

URLS = [f"http://a/{letter}" for letter in "abcdef"]
CURRENT, DUPLICATE, INVALID, REMOVED = DocumentState


def member(identifier: str, url: str, *, item: str = "", canonical: str | None = None) -> Member:
    return Member(identifier, f"page of {url}", url, item, canonical, CURRENT, None)


@st.composite
def groups(draw: st.DrawFn) -> list[Member]:
    places = draw(
        st.lists(st.tuples(st.sampled_from(URLS), st.sampled_from(["", "1", "2"])), min_size=1, max_size=6, unique=True)
    )
    canonicals = st.none() | st.sampled_from([*URLS, "http://elsewhere/"])
    return [
        member(f"{number}", url, item=item, canonical=draw(canonicals)) for number, (url, item) in enumerate(places)
    ]


def test_nothing_gives_nothing() -> None:
    assert settle([]) == {}


def test_one_document_alone_is_the_original_whatever_it_names() -> None:
    assert settle([member("1", URLS[0], canonical="http://elsewhere/")]) == {"1": Standing(CURRENT)}


def test_the_smallest_url_is_the_original() -> None:
    settled = settle([member("1", URLS[2]), member("2", URLS[0]), member("3", URLS[1])])
    assert settled == {"1": Standing(DUPLICATE, "2"), "2": Standing(CURRENT), "3": Standing(DUPLICATE, "2")}


def test_what_another_names_as_canonical_beats_the_smallest_url() -> None:
    settled = settle([member("1", URLS[0], canonical=URLS[2]), member("2", URLS[2])])
    assert settled == {"1": Standing(DUPLICATE, "2"), "2": Standing(CURRENT)}


def test_naming_oneself_as_canonical_proves_nothing() -> None:
    settled = settle([member("1", URLS[0]), member("2", URLS[2], canonical=URLS[2])])
    assert settled["1"] == Standing(CURRENT)


def test_two_items_of_one_page_are_told_apart_by_their_keys() -> None:
    settled = settle([member("1", URLS[0], item="b"), member("2", URLS[0], item="a")])
    assert settled["2"] == Standing(CURRENT)


@given(groups(), st.data())
def test_the_order_of_arrival_does_not_matter(group: list[Member], data: st.DataObject) -> None:
    assert settle(data.draw(st.permutations(group))) == settle(group)


@given(groups(), st.data())
def test_the_standing_they_had_does_not_matter(group: list[Member], data: st.DataObject) -> None:
    states = st.sampled_from([CURRENT, DUPLICATE])
    disguised = [replace(each, state=data.draw(states), duplicate_of=data.draw(st.none())) for each in group]
    assert settle(disguised) == settle(group)


@given(groups())
def test_exactly_one_is_the_original_and_all_others_name_it(group: list[Member]) -> None:
    settled = settle(group)
    assert settled.keys() == {each.id for each in group}
    (original,) = [identifier for identifier, standing in settled.items() if standing == Standing(CURRENT)]
    assert {standing.duplicate_of for identifier, standing in settled.items() if identifier != original} <= {original}


@given(groups())
def test_differing_tells_what_is_to_be_written_and_nothing_more(group: list[Member]) -> None:
    members = {each.id: each for each in group}
    settled = settle(group)
    changes = differing(members, settled)
    for identifier, standing in settled.items():
        before = members[identifier]
        assert (identifier in changes) == (
            (before.state, before.duplicate_of) != (standing.state, standing.duplicate_of)
        )
    written = {i: replace(m, state=settled[i].state, duplicate_of=settled[i].duplicate_of) for i, m in members.items()}
    assert differing(written, settle(written.values())) == {}


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
