"""Every fuzz target holds its laws over its seeds, over mutations of them and over noise, with or without atheris."""

from __future__ import annotations

import inspect
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import pages, wire
from tests.fuzz.laws import Slow, run
from tests.fuzz.swell import swollen
from tests.fuzz.targets import CORPUS, TARGETS, seeds

from tidemill.process.pipeline import preload

_MOST_CORPUS_BYTES = 200_000
_MOST_SECONDS = 3.0  # A machine that tests on all cores is slower than one that fuzzes.
_SEEDS = [(target, seed) for target in sorted(TARGETS) for seed in seeds(target)]
_BODIES = {target: [seed.read_bytes() for seed in seeds(target)] for target in TARGETS}


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """What the first page waits for is not the target's time."""
    preload()


@st.composite
def _inputs(draw: st.DrawFn, target: str) -> bytes:
    """A seed with a piece replaced by noise, by its own repetition, or by a piece of another seed; or noise alone."""
    bodies = _BODIES[target]
    body, other = draw(st.sampled_from(bodies)), draw(st.sampled_from(bodies))
    start, length = draw(st.integers(0, len(body))), draw(st.integers(0, 40))
    cut = draw(st.integers(0, len(other)))
    piece = draw(
        st.binary(max_size=20)
        | st.just(body[start : start + length] * 3)
        | st.just(other[cut : cut + length])
        | st.sampled_from([b"<", b"\n", b"\0", b'"', b"\xff\xfe", b"9" * 30, b"\xed\xa0\x80", b"&#xd800;"])
    )
    return draw(st.sampled_from([body[:start] + piece + body[start + length :], body[:start] + piece, piece]))


@pytest.mark.thorough
@pytest.mark.parametrize(("target", "seed"), [pytest.param(*each, id=f"{each[0]}-{each[1].name}") for each in _SEEDS])
def test_each_seed_keeps_the_laws(target: str, seed: Path) -> None:
    run(TARGETS[target], seed.read_bytes(), most_seconds=_MOST_SECONDS)


@pytest.mark.thorough
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_changed_seeds_keep_the_laws(target: str) -> None:
    @settings(derandomize=True, max_examples=15, database=None)
    @given(_inputs(target))
    def keeps_the_laws(data: bytes) -> None:
        run(TARGETS[target], data, most_seconds=_MOST_SECONDS)

    keeps_the_laws()


def test_every_target_is_run_and_has_seeds() -> None:
    written = {
        name
        for module in (pages, wire)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert written == set(TARGETS)
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} == set(TARGETS)
    assert all(_BODIES.values())


def test_the_corpus_stays_small() -> None:
    assert sum(len(body) for bodies in _BODIES.values() for body in bodies) < _MOST_CORPUS_BYTES


def test_a_slow_target_is_a_finding() -> None:
    def busy(data: bytes) -> None:
        sum(range(200_000))

    with pytest.raises(Slow, match="3 bytes"):
        run(busy, b"abc", most_seconds=0.0)


def test_swollen_seeds_are_long_and_the_same_each_time() -> None:
    first, again = (swollen(b"<a><b>", random.Random(1)) for _ in range(2))
    assert first == again
    assert 50_000 < len(first) < 100_000
