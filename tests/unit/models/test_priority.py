"""Turns of priorities: six, three and one of ten, nobody left out, nothing lost, and the order of each kept."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.priority import HIGH, LOW, MEDIUM, PRIORITIES, Turns

WAITING = st.fixed_dictionaries({priority: st.integers(0, 40) for priority in PRIORITIES})


def things(numbers: dict[str, int]) -> dict[str, list[tuple[str, int]]]:
    return {priority: [(priority, each) for each in range(number)] for priority, number in numbers.items()}


def test_ten_turns_are_six_three_and_one() -> None:
    dealt = Turns().deal(things(dict.fromkeys(PRIORITIES, 100)), 10)
    assert Counter(priority for priority, _ in dealt) == {HIGH: 6, MEDIUM: 3, LOW: 1}


def test_turns_go_on_from_batch_to_batch() -> None:
    turns, waiting = Turns(), things(dict.fromkeys(PRIORITIES, 100))
    singles = [turns.deal(waiting, 1)[0][0] for _ in range(20)]
    assert Counter(singles) == {HIGH: 12, MEDIUM: 6, LOW: 2}


def test_what_nobody_needs_passes_to_the_others() -> None:
    assert [priority for priority, _ in Turns().deal(things({LOW: 3}), 10)] == [LOW] * 3
    assert Counter(p for p, _ in Turns().deal(things({HIGH: 1, MEDIUM: 50}), 10)) == {HIGH: 1, MEDIUM: 9}


@given(WAITING, st.integers(1, 50), st.integers(0, 30))
def test_a_deal_is_as_full_as_it_can_be_and_keeps_each_order(numbers: dict[str, int], limit: int, before: int) -> None:
    turns = Turns()
    turns.deal(things(dict.fromkeys(PRIORITIES, 30)), before)
    dealt = turns.deal(things(numbers), limit)
    assert len(dealt) == min(limit, sum(numbers.values()))
    for priority in PRIORITIES:
        ours = [each for name, each in dealt if name == priority]
        assert ours == list(range(len(ours)))


@given(st.integers(0, 60), st.integers(0, 9))
def test_shares_are_what_a_deal_of_plenty_gives(limit: int, before: int) -> None:
    turns, plenty = Turns(), things(dict.fromkeys(PRIORITIES, 100))
    turns.deal(plenty, before)
    shares = turns.shares(limit)
    assert Counter(priority for priority, _ in turns.deal(plenty, limit)) == Counter(shares)


@given(st.sampled_from(PRIORITIES), st.integers(0, 40), st.integers(1, 20))
def test_turns_that_only_one_priority_has_count_as_well(only: str, number: int, limit: int) -> None:
    turns = Turns()
    dealt = turns.deal(things({only: number}), limit)
    assert dealt == things({only: number})[only][:limit]
    fresh = Turns()
    fresh.deal(things(dict.fromkeys(PRIORITIES, 100)), len(dealt))  # as many turns, whoever had them
    assert turns.shares(10) == fresh.shares(10)
    assert turns.shares(1) == fresh.shares(1)
