"""One text edited, or one template filled in twice? In doubt they are two documents."""

from __future__ import annotations

import random

import pytest

from tidemill.store.templates import is_template, wording

BOILERPLATE = (
    "All forecasts are made by our own model every hour. Wind and rain may change without notice in the mountains."
    " Please read the terms of use before you rely on them, and tell us what we can do better. "
) * 5


def weather(town: str, numbers: str, title: str = "The weather today") -> tuple[str, str]:
    return (
        title,
        f"{BOILERPLATE} In {town} the day begins with {numbers} degrees. Tomorrow {town}: see {town} in detail.",
    )


def shop(size: str, colour: str) -> tuple[str, str]:
    return f"Tumbler {size}", f"{BOILERPLATE} This tumbler holds {size} and is {colour}."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(weather("Leeds", "12"), weather("York", "12"), id="another town, under one title"),
        pytest.param(
            ("Weather in Leeds", f"{BOILERPLATE} Leeds: sun."),
            ("Weather in York", f"{BOILERPLATE} York: sun."),
            id="towns that the titles name",
        ),
        pytest.param(shop("20 oz", "red"), shop("30 oz", "red"), id="another size"),
        pytest.param(
            ("Share buyback", f"{BOILERPLATE} On 3 May we bought 10,000 shares at 12.30."),
            ("Share buyback", f"{BOILERPLATE} On 4 June we bought 25,500 shares at 13.10."),
            id="the same notice of another day",
        ),
        pytest.param(
            ("Manual of version 3.1", BOILERPLATE), ("Manual of version 3.2", BOILERPLATE), id="another version"
        ),
    ],
)
def test_a_template(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert is_template(wording(*one), wording(*other))
    assert is_template(wording(*other), wording(*one))


STORM = "Storm hits the coast"
EDITED = {
    "a byline": ((STORM, BOILERPLATE), (STORM, BOILERPLATE + "By A. Smith, 3 May 2026, 10:32.")),
    "the site in the title": ((f"{STORM} - Daily", BOILERPLATE), (f"{STORM} | Herald", BOILERPLATE)),
    "one number put right": (
        ("", BOILERPLATE + "It rained for 3 days."),
        (STORM, BOILERPLATE + "It rained for 4 days."),
    ),
    "another headline for the same words": ((STORM, BOILERPLATE), ("Rain and wind in the mountains", BOILERPLATE)),
}


@pytest.mark.parametrize(("one", "other"), EDITED.values(), ids=EDITED.keys())
def test_an_edited_text(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert not is_template(wording(*one), wording(*other))
    assert not is_template(wording(*other), wording(*one))


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_words_replaced_at_random_make_no_template(share: float) -> None:
    chosen = random.Random(7)
    for _ in range(20):
        words = [f"w{int(chosen.paretovariate(0.8))}" for _ in range(500)]
        edited = [f"w{int(chosen.paretovariate(0.8))}" if chosen.random() < share else word for word in words]
        assert not is_template(wording("One title", " ".join(words)), wording("One title", " ".join(edited)))
