"""Keys under which documents are found again: the same for ever, and shared by what is alike."""

from __future__ import annotations

import random

import pytest

from tidemill.process.steps.signature import signature
from tidemill.store.buckets import content_key, event_keys, event_wants, similarity, text_keys
from tidemill.store.event_matches import Happening, happening


def prose(seed: int, words: int = 400) -> list[str]:
    chosen = random.Random(seed)
    return [f"word{chosen.randrange(2000)}" for _ in range(words)]


def event(start: str) -> Happening:
    found = happening("Concert of the year", {"start": start})
    assert found is not None
    return found


def test_keys_are_what_the_rows_of_existing_databases_hold() -> None:
    signed = signature(" ".join(prose(1)))
    assert text_keys(signed)[0] == (1, 1051958789969770002)
    assert content_key("0" * 64) == (0, 8009296502407414344)
    assert [key for _, key in event_keys(event("2026-05-01T20:00+02:00"))] == [2688373185270610660, 5223165085509015922]


def test_keys_leave_room_for_the_state_and_fit_a_column_of_64_bits() -> None:
    for seed in range(50):
        for _, bucket in text_keys(signature(" ".join(prose(seed)))):
            assert bucket % 2 == 0
            assert 0 <= bucket < 2**63 - 1


def test_a_text_without_a_signature_has_no_keys() -> None:
    assert text_keys(b"") == []


def test_one_text_is_wholly_similar_to_itself_and_hardly_to_others() -> None:
    signed = [signature(" ".join(prose(seed))) for seed in range(20)]
    assert similarity(signed[0], signed[0]) == 1.0
    assert all(similarity(signed[0], other) < 0.1 for other in signed[1:])


@pytest.mark.parametrize(("replaced", "least"), [(1, 0.95), (8, 0.8)])
def test_similar_texts_share_a_key(replaced: int, least: float) -> None:
    met = 0
    for seed in range(40):
        words = prose(seed)
        edited = list(words)
        for place in random.Random(-seed).sample(range(len(words)), replaced):
            edited[place] = "edited"
        met += not set(text_keys(signature(" ".join(words)))).isdisjoint(text_keys(signature(" ".join(edited))))
    assert met / 40 >= least


def test_a_moment_looks_for_its_like_and_for_its_day() -> None:
    evening, same, day, other = (
        event(start)
        for start in ("2026-05-01T20:00+02:00", "2026-05-01T18:00+00:00", "2026-05-01", "2026-05-01T21:00+02:00")
    )
    assert meet(evening, same)
    assert meet(evening, day)
    assert not meet(evening, other)


def meet(one: Happening, other: Happening) -> bool:
    """Whether each finds the other; if only one did, the order would show."""
    there = not set(event_wants(one)).isdisjoint(event_keys(other))
    assert there == (not set(event_wants(other)).isdisjoint(event_keys(one)))
    return there
