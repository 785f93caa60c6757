"""Keys under which documents are found again: the same for ever, and shared by what is alike."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.process.steps.signature import signature
from tidemill.store.buckets import (
    content_key,
    event_keys,
    event_wants,
    is_of_event,
    sieve,
    similarity,
    sketch,
    text_keys,
)
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
    assert text_keys(signed)[0] == 111436865100204
    assert content_key("0" * 64) == 252745794836400
    assert event_keys(event("2026-05-01T20:00+02:00")) == [164899761944874, 217410996740670]
    assert sketch(signed).hex() == "eb1e01e9059cac1fc9b42ba1a528ab16"  # pragma: allowlist secret


def test_keys_leave_room_for_the_state_and_fit_six_bytes() -> None:
    for seed in range(50):
        keys = [*text_keys(signature(" ".join(prose(seed)))), content_key(str(seed))]
        events = event_keys(event(f"2026-05-01T20:{seed:02}+02:00"))
        assert all(key % 2 == 0 and 0 <= key < 2**48 for key in (*keys, *events))
        assert [is_of_event(key) for key in (*keys, *events)] == [False] * len(keys) + [True] * len(events)


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


@given(st.binary(min_size=512, max_size=512), st.floats(0.5, 1.0), st.randoms(use_true_random=False))
def test_sketches_do_not_part_what_is_alike(one: bytes, threshold: float, chosen: random.Random) -> None:
    """As many hashes differ as may, and each of these in every bit of the sketch that chance may make different."""
    different = chosen.sample(range(128), int(128 * (1 - threshold)))
    hashes = [bytearray(one[at : at + 4]) for at in range(0, 512, 4)]
    for count, place in enumerate(different):
        hashes[place][0] ^= 3 if count % 2 else 2  # every other one in the bit that is sketched
    other = b"".join(hashes)
    assert similarity(one, other) >= threshold
    assert sieve(sketch(one), threshold)(sketch(other))
    assert sieve(b"", threshold)(sketch(other))
    assert sieve(sketch(one), threshold)(b"")


def test_sketches_tell_texts_apart_that_are_not_alike() -> None:
    made = [sketch(signature(" ".join(prose(seed)))) for seed in range(40)]
    assert {len(each) for each in made} == {16}
    assert not any(sieve(one, 0.75)(other) for one in made for other in made if one is not other)


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
