"""What processing pages again would do to their documents: foretold, named, counted, and shown side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.manage.effects import MOST_EXAMPLES, MOST_LISTED, Summary, foretold, side_by_side
from tidemill.models.capture import Capture
from tidemill.models.document import DocumentState, Draft, Processed
from tidemill.models.failure import Failure
from tidemill.models.ids import document_id
from tidemill.store.versions import Standing, values_of

AT = datetime(2026, 11, 23, tzinfo=UTC)
STATES = {state.value: state for state in DocumentState}


def capture(page: str = "page") -> Capture:
    return Capture(f"capture of {page}", "run", page, "source", f"http://a/{page}", AT, 200, "text/html", "", "hash", 9)


def draft(title: str = "Title", *, item: str = "", problem: str = "") -> Draft:
    said = sha256(f"{title}|{problem}".encode()).hexdigest()
    return Draft(kind="article", item_key=item, title=title, problems=(problem,) if problem else (), fingerprint=said)


def standing(given: Draft, state: str = "current", made_of: str = "an earlier body") -> dict[str, Standing]:
    """The document of such a draft as the store holds it, on its page."""
    identifier = document_id("page", given.item_key)
    held = Standing(identifier, "http://a/page", 1, STATES[state], given.fingerprint, values_of(given), made_of)
    return {identifier: held}


def effects(before: dict[str, Standing], *drafts: Draft) -> dict[str, int]:
    result = Processed("capture", drafts)
    summary = Summary()
    summary.add_page(capture(), result, before, foretold(capture(), result, before))
    return summary.effects


@pytest.mark.parametrize(
    ("before", "drafts", "expected"),
    [
        pytest.param(standing(draft()), [draft()], {"unchanged": 1}, id="the same again"),
        pytest.param(standing(draft()), [draft("Other")], {"changed": 1}, id="another title"),
        pytest.param({}, [draft()], {"new": 1}, id="a document where none was"),
        pytest.param({}, [draft(problem="short")], {"invalid": 1}, id="an invalid one where none was"),
        pytest.param(standing(draft(), "removed"), [draft()], {"new": 1}, id="one that had been removed"),
        pytest.param(standing(draft(problem="short"), "invalid"), [draft()], {"valid": 1}, id="it was invalid"),
        pytest.param(
            standing(draft()), [draft("Other", problem="short")], {"kept": 1}, id="what the site shows is invalid"
        ),
        pytest.param(
            standing(draft(), made_of="hash"),
            [draft("Other", problem="short")],
            {"invalid": 1},
            id="the rules refuse what the document was made of",
        ),
        pytest.param(
            standing(draft()), [draft(problem="short")], {"invalid": 1}, id="the rules refuse what the document says"
        ),
        pytest.param(
            standing(draft(item="a"), made_of="hash"),
            [draft(problem="short")],
            {"invalid": 1, "removed": 1},
            id="the rules make nothing of it any more",
        ),
        pytest.param(
            standing(draft(problem="short"), "invalid"), [draft(problem="long")], {"changed": 1}, id="other problems"
        ),
        pytest.param(
            standing(draft()) | standing(draft(item="a")), [draft()], {"unchanged": 1, "removed": 1}, id="an item less"
        ),
        pytest.param(standing(draft()), [], {"unchanged": 1}, id="nothing found removes nothing"),
        pytest.param(standing(draft(), "duplicate"), [draft("Other")], {"changed": 1}, id="a duplicate that changes"),
        pytest.param(standing(draft(), "removed"), [], {}, id="gone, and still gone"),
    ],
)
def test_each_document_has_one_effect(before: dict[str, Standing], drafts: list[Draft], expected: object) -> None:
    assert effects(before, *drafts) == expected


titles, items = st.sampled_from(["A", "B"]), st.sampled_from(["", "x", "y"])
drafts_of_a_page = st.lists(
    st.builds(lambda t, i, p: draft(t, item=i, problem=p), titles, items, st.sampled_from(["", "short"])),
    unique_by=lambda each: each.item_key,
)


@given(drafts_of_a_page, drafts_of_a_page)
def test_what_was_foretold_is_foretold_no_second_time(first: list[Draft], second: list[Draft]) -> None:
    before = foretold(capture(), Processed("capture", tuple(first)), {})
    result = Processed("capture", tuple(second))
    once = foretold(capture(), result, before)
    assert foretold(capture(), result, once) == once
    assert set(effects(once, *second)) <= {"unchanged", "kept"}


def test_fields_are_counted_with_examples_of_the_first_pages() -> None:
    summary = Summary()
    for number in range(MOST_EXAMPLES + 2):
        page = capture(f"p{number}")
        identifier = document_id(page.page_id, "")
        was = Standing(identifier, page.url, 1, DocumentState.CURRENT, "before", values_of(draft("Old")))
        result = Processed(page.id, (replace(draft("New"), fields={"price": number}),))
        before = {identifier: was}
        summary.add_page(page, result, before, foretold(page, result, before))
    assert summary.effects == {"changed": MOST_EXAMPLES + 2}
    assert summary.fields == {"title": MOST_EXAMPLES + 2, "fields.price": MOST_EXAMPLES + 2}
    assert [each["url"] for each in summary.examples["title"]] == [f"http://a/p{n}" for n in range(MOST_EXAMPLES)]
    assert (summary.examples["title"][0]["old"], summary.examples["title"][0]["new"]) == ("Old", "New")


def test_failures_and_lost_bodies_are_told_apart_and_the_list_is_bounded() -> None:
    summary = Summary()
    for _ in range(MOST_LISTED + 5):
        summary.add_failure(capture(), Failure("timeout", "Timeout", "too slow"))
    summary.add_failure(capture(), Failure("archive_missing", "Permanent", "no body"))
    assert (summary.pages, summary.failed, summary.bodies_lost) == (MOST_LISTED + 6, MOST_LISTED + 5, 1)
    assert (len(summary.failures), summary.lost[0]["body_hash"]) == (MOST_LISTED, "hash")


def test_a_summary_survives_its_job_row() -> None:
    summary = Summary()
    result = Processed("capture", (draft("New"),))
    before = standing(draft("Old"))
    summary.add_page(capture(), result, before, foretold(capture(), result, before))
    assert Summary(**json.loads(json.dumps(summary.as_json()))) == summary


def test_long_texts_are_shown_from_where_they_differ() -> None:
    old, new = side_by_side("same " * 100 + "mill", "same " * 100 + "tide")
    assert old.endswith("mill")
    assert new.endswith("tide")
    assert old.startswith("…")
    assert len(old) < 60
    assert side_by_side(None, {"a": [1]}) == ("null", '{"a": [1]}')
