"""The title is the heading that readers see, without the site's name; what else a page declares comes after it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import page

from tidemill.process.extract.titles import choose_title

URL = "https://www.tide-mill.example/news/1"


def title(headings: list[str], *declared: tuple[str, str], site: str | None = None) -> tuple[str, str] | None:
    found = choose_title(headings, declared, site, URL)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("headings", "declared", "site", "expected"),
    [
        (["The wheel turns"], "The wheel turns - Harbour Press", "Harbour Press", "The wheel turns"),
        ([], "The wheel turns | Tide Mill", None, "The wheel turns"),
        ([], "Tide Mill: the wheel", None, "Tide Mill: the wheel"),
        ([], "Tide Mill – The wheel turns", None, "The wheel turns"),
        (["Tide Mill"], "The wheel turns", None, "The wheel turns"),
        (["Other", "The wheel turns"], "The wheel turns", None, "The wheel turns"),
        (["The wheel turns"], "", None, "The wheel turns"),
        (["x " * 100], "The wheel turns", None, "The wheel turns"),
        ([], "A - B test", None, "A - B test"),
    ],
)
def test_the_title(headings: list[str], declared: str, site: str | None, expected: str) -> None:
    found = title(headings, *([(declared, "html@1 title")] if declared else []), site=site)
    assert found is not None
    assert found[0] == expected


def test_a_page_without_any_has_none() -> None:
    assert title([]) is None


def test_the_origin_is_told_and_others_are_kept() -> None:
    found = choose_title(["The wheel turns"], [("Wheel turns at last", "opengraph@1 og:title")], None, URL)
    assert found == [("The wheel turns", "h1@1"), ("Wheel turns at last", "opengraph@1 og:title")]


@pytest.mark.parametrize(
    "markup",
    [
        "<title>" + "Mill | " * 50_000 + "</title><h1>a</h1>",
        "<title>" + "x " * 50_000 + "</title>" + "<h1>The mill opens again now</h1>" * 10_000,
        "<title>" + " - " * 50_000 + "</title><h1>-</h1>",
    ],
    ids=["names of the site", "headings", "separators"],
)
def test_it_takes_time_in_proportion_to_the_page(markup: str) -> None:
    given_page = page(markup)
    given_page.tree  # noqa: B018 - parsed before the clock runs
    began = time.process_time()
    assert len(given_page.metadata.title or "") <= 1_000
    assert time.process_time() - began < 2


@given(st.lists(st.text(alphabet="ab |-:", max_size=20), max_size=3), st.text(alphabet="Tide Mill|-: ", max_size=30))
def test_a_title_is_always_part_of_what_was_given(headings: list[str], declared: str) -> None:
    for text, _ in choose_title(headings, [(declared, "html@1 title")], "Tide Mill", URL):
        assert any(text in one for one in (*headings, declared))
