"""Which announcements are of the same event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.store.buckets import event_keys, event_wants
from tidemill.store.event_matches import Happening, happening, sieve, similarity, sketch

EVENING = "2026-05-01T20:00+02:00"


def event(title: str, start: str = EVENING, place: object = None) -> Happening:
    found = happening(title, {"start": start, "location": place})  # type: ignore[dict-item]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (event("Jazz Night with the Big Band"), event("jazz night with the big band!")),
        (event("Jazz Night with the Big Band"), event("Jazz Night with the Big Band", "2026-05-01T18:00:00Z")),
        (event("Jazz Night with the Big Band"), event("Jazz Night with the Big Band", "2026-05-01")),
        (event("Open Air Theatre: Hamlet", place="City Park"), event("Open Air Theater: Hamlet", place="City Park")),
        (event("Hamlet at the Globe", place="The Globe"), event("Hamlet at the Globe (tickets)", place="Globe")),
        (
            event("Spring Book Fair", place="Town Hall, Main Street 1, Springfield"),
            event("Spring Book Fair", place={"name": "Town Hall", "address": "Main Street 1"}),
        ),
        (event("Concert", place="Town Hall"), event("CONCERT", place="Town Hall")),
    ],
)
def test_the_same_event(one: Happening, other: Happening) -> None:
    found = similarity(one, other)
    assert found is not None
    assert 0.8 < found < 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (event("Jazz Night with the Big Band"), event("Jazz Night with the Big Band", "2026-05-01T21:00+02:00")),
        (event("Jazz Night with the Big Band"), event("Jazz Night with the Big Band", "2026-05-02")),
        (event("Yoga for beginners, group 1"), event("Yoga for beginners, group 2")),
        (event("Concert: Anna Smith"), event("Concert: John Brown")),
        (event("Concert"), event("Concert of the Vienna Philharmonic")),
        (event("Guided tour of the old town in English"), event("Guided tour of the old town in French")),
        (event("Farmers' Market on the Square", place="Leeds"), event("Farmers' Market on the Square", place="York")),
        (event("Concert of the school choir"), event("A wholly different thing, far away")),
        (event("Reading with Anna Smith, part one", "2026-05-01"), event("Reading with John Brown, part one")),
    ],
)
def test_different_events(one: Happening, other: Happening) -> None:
    assert similarity(one, other) is None
    assert similarity(other, one) is None


def test_a_time_without_a_zone_equals_only_its_like() -> None:
    naive = event("Jazz Night with the Big Band", "2026-05-01T20:00")
    assert similarity(naive, event("Jazz Night with the Big Band", "2026-05-01T20:00")) is not None
    assert similarity(naive, event("Jazz Night with the Big Band")) is None


@pytest.mark.parametrize(
    ("title", "fields"),
    [("", {"start": EVENING}), ("Concert", {}), ("Concert", {"start": "soon"}), ("!", {"start": EVENING})],
)
def test_what_has_no_title_or_no_start_matches_nothing(title: str, fields: dict[str, str]) -> None:
    assert happening(title, dict(fields)) is None


TITLES = st.lists(st.sampled_from(["jazz", "night", "band", "theatre", "theater", "2", "3", "in", "park"]), min_size=1)
STARTS = st.sampled_from([EVENING, "2026-05-01", "2026-05-01T18:00Z", "2026-05-01T20:00", "2026-05-02"])
EVENTS = st.builds(
    lambda words, start, place: event(" ".join(words), start, place),
    TITLES,
    STARTS,
    st.sampled_from([None, "City Park", "The City Park, Leeds", "Town Hall"]),
)


@given(EVENTS, EVENTS)
def test_the_order_does_not_matter(one: Happening, other: Happening) -> None:
    assert similarity(one, other) == similarity(other, one)


@given(EVENTS, EVENTS)
def test_what_is_alike_is_found(one: Happening, other: Happening) -> None:
    """Under a key that both have, and past the sieve."""
    if similarity(one, other) is not None:
        assert not set(event_wants(one)).isdisjoint(event_keys(other))
        assert sieve(sketch(one))(sketch(other))


SPELLED = st.lists(
    st.tuples(st.text("abcdeé", min_size=4, max_size=9), st.integers(0, 8), st.booleans()), min_size=3, max_size=12
)


@given(SPELLED)
def test_other_spellings_pass_the_sieve(words: list[tuple[str, int, bool]]) -> None:
    one = event(" ".join(word for word, _, _ in words))
    other = event(" ".join(word[:at] + "x" * added + word[at + 1 :] for word, at, added in words))
    assert similarity(one, other) is None or sieve(sketch(one))(sketch(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jazz night with Miller and Okafor", "Chess lecture with Rossi and Silva"),
        ("Jazz night with Miller and Okafor", "Jazz night with Rossi and Silva"),
        ("Council meeting 12 of the town", "Council meeting 13 of the town"),
    ],
)
def test_the_sieve_holds_back_other_events_of_one_evening(one: str, other: str) -> None:
    assert not sieve(sketch(event(one)))(sketch(event(other)))
    assert sieve(sketch(event(one)))(sketch(event(one.upper())))


def test_what_was_stored_without_a_sketch_passes() -> None:
    assert sieve(sketch(event("Jazz night")))(b"")
    monstrous = sketch(event("Jazz " * 20_000))
    assert monstrous == b""
    assert sieve(monstrous)(sketch(event("Chess")))
