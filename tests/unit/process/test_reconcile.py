"""What several extractors found on one page is put together in a stated order, and their disagreements are kept."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import PROSE, capture, html

from tidemill.errors import Permanent
from tidemill.models.document import Draft, Json
from tidemill.models.source import ItemsRule, ProcessRules
from tidemill.process.extract.page import Page
from tidemill.process.pipeline import Pipeline, installed_pipeline
from tidemill.process.reconcile import MAX_DISAGREEMENTS, ORDER, Found, reconcile

RULES = ProcessRules()
DAY = datetime(2026, 4, 3, 8, tzinfo=UTC)


def draft(kind: str = "article", origin: str = "", item_key: str = "", **values: object) -> Draft:
    made = replace(Draft(kind, item_key), **values)  # type: ignore[arg-type]
    names = [*(name for name in values if name != "fields"), *made.fields]
    return replace(made, provenance=dict.fromkeys(names, origin))


def merge(*found: tuple[str, Draft], rules: ProcessRules = RULES) -> Draft:
    (merged,) = reconcile([Found(name, one) for name, one in found], rules)
    return merged


def test_the_stated_order_decides_whatever_came_first() -> None:
    article = ("article", draft(origin="html", author="Ann", content="Text.", markdown="*Text.*"))
    structured = ("structured", draft("product", "jsonld", author="Bo", fields={"price": 3.0}))
    selected = ("selectors", draft(origin="selector", author="Cy"))
    for order in ([article, structured, selected], [selected, article, structured]):
        merged = merge(*order)
        assert (merged.kind, merged.author, merged.fields) == ("product", "Cy", {"price": 3.0})
        assert (merged.content, merged.markdown, merged.provenance["content"]) == ("Text.", "*Text.*", "html")
        assert [one["value"] for one in merged.disagreements] == ["Bo", "Ann"]
        assert merged.disagreements[0] == {"field": "author", "value": "Bo", "origin": "jsonld"}


def test_what_is_missing_is_filled_without_a_disagreement() -> None:
    merged = merge(("article", draft(origin="html", title="T")), ("structured", draft(origin="jsonld", author="Bo")))
    assert (merged.title, merged.author, merged.provenance["author"]) == ("T", "Bo", "jsonld")
    assert merged.disagreements == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The  Mill", "the mill"),
        ("2026-04-03", "2026-04-03T10:00:00+02:00"),
        ("2026-04-03T23:30:00-05:00", "2026-04-04T04:30:00+00:00"),
        (9.9, "9.9"),
        (["A", "b"], ["a", "B"]),
        ([{"name": "A"}], [{"name": "a"}]),
    ],
)
def test_the_same_in_other_words_is_no_disagreement(one: Json, other: Json) -> None:
    first, second = draft("x", "a", fields={"value": one}), draft("x", "b", fields={"value": other})
    assert merge(("selectors", first), ("structured", second)).disagreements == ()


def test_times_are_compared_by_their_day() -> None:
    first = draft(origin="html", published_at=DAY)
    assert merge(("article", first), ("text", draft(published_at=DAY + timedelta(hours=3)))).disagreements == ()
    later = merge(("text", first), ("article", draft(origin="meta", published_at=DAY + timedelta(days=2))))
    expected = {"field": "published_at", "value": "2026-04-05T08:00:00+00:00", "origin": "meta"}
    assert later.disagreements == (expected,)


def test_rules_say_whom_to_prefer() -> None:
    article, structured = draft(origin="h1", title="Heading"), draft("product", "jsonld@1 Product.name", title="Name")
    found = (("article", article), ("structured", structured))
    assert merge(*found).title == "Heading"
    merged = merge(*found, rules=ProcessRules(prefer={"title": ("jsonld",)}))
    assert (merged.title, merged.disagreements[0]["value"]) == ("Name", "Heading")


def test_what_an_extractor_put_aside_can_be_preferred() -> None:
    aside = {"field": "published_at", "value": "2026-01-01T00:00:00+00:00", "origin": "meta"}
    article = replace(draft(origin="html", published_at=DAY), disagreements=(aside,))
    merged = merge(("article", article), rules=ProcessRules(prefer={"published_at": ("meta",)}))
    assert merged.published_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert merged.disagreements == ({"field": "published_at", "value": DAY.isoformat(), "origin": "html"},)


def test_the_sources_kind_goes_before_all_but_only_for_the_page_itself() -> None:
    own, item = draft("product", title="P"), draft("event", "jsonld", "k", title="E")
    found = [Found("structured", own), Found("structured", item)]
    assert [one.kind for one in reconcile(found, ProcessRules(kind="offer"))] == ["offer", "event"]


def test_flags_problems_and_tags_are_united() -> None:
    first = replace(draft(), flags=("a", "b"), problems=("p",), tags=("Mill",))
    second = replace(draft(), flags=("b", "c"), problems=("q",), tags=("mill", "Tide"))
    merged = merge(("selectors", first), ("article", second))
    assert (merged.flags, merged.problems, merged.tags) == (("a", "b", "c"), ("p", "q"), ("Mill", "Tide"))


def test_one_thing_described_in_two_ways_is_one_document() -> None:
    selected = draft("event", "selector", "s", title="Fair", fields={"start": "2026-06-01"})
    declared = draft("event", "jsonld", "j", title="FAIR", fields={"start": "2026-06-01T10:00:00+00:00", "end": "x"})
    merged = merge(("structured", declared), ("selectors", selected))
    assert (merged.item_key, merged.title, merged.fields["end"]) == ("s", "Fair", "x")


def test_variants_of_one_name_stay_apart() -> None:
    shirts = [draft("product", "jsonld", str(n), title="Shirt", fields={"sku": str(n)}) for n in range(2)]
    again = [draft("product", "microdata", f"m{n}", title="Shirt", fields={"sku": str(n)}) for n in range(2)]
    assert len(reconcile([Found("structured", one) for one in (*shirts, *again)], RULES)) == 4


@pytest.mark.parametrize(("only_items", "keys"), [(True, ["k"]), (False, ["", "k"])])
def test_a_page_of_selected_items_has_no_document_of_its_own(only_items: bool, keys: list[str]) -> None:
    rules = ProcessRules(items=ItemsRule(css="li", only=only_items))
    found = [Found("article", draft(title="Page")), Found("selectors", draft("item", "selector", "k", title="One"))]
    assert [one.item_key for one in reconcile(found, rules)] == keys


def test_a_page_on_which_nothing_was_selected_stays_a_page() -> None:
    rules = ProcessRules(items=ItemsRule(css="li"))
    assert [one.title for one in reconcile([Found("article", draft(title="Page"))], rules)] == ["Page"]


def test_no_more_disagreements_are_kept_than_anyone_reads() -> None:
    first, second = ({f"f{n}": f"{side}{n}" for n in range(50)} for side in "ab")
    merged = merge(("selectors", draft("x", fields=first)), ("structured", draft("x", fields=second)))
    assert len(merged.disagreements) == MAX_DISAGREEMENTS


_FIELDS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "X ", "y", "2026-01-02"]), max_size=3)
_DRAFTS = st.builds(
    lambda key, fields, title, tags: replace(draft("x", "o", key, title=title, fields=fields), tags=tuple(tags)),
    st.sampled_from(["", "k"]), _FIELDS, st.sampled_from(["", "T", "U"]), st.lists(st.sampled_from("pq"), max_size=2),
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(ORDER), _DRAFTS), max_size=5, unique_by=lambda one: one[0]), st.randoms())
def test_merging_is_deterministic_complete_and_done_once(
    found: list[tuple[str, Draft]], shuffled: random.Random
) -> None:
    merged = reconcile([Found(name, one) for name, one in found], RULES)
    assert len({one.item_key for one in merged}) == len(merged)
    for one in merged:
        given_fields: list[Mapping[str, Json]] = [other.fields for _, other in found if other.item_key == one.item_key]
        assert set(one.fields) == set().union(*given_fields)
        assert reconcile([Found("plugins", one)], RULES) == (one,)
    again = list(found)
    shuffled.shuffle(again)
    assert {one.item_key: one for one in reconcile([Found(name, each) for name, each in again], RULES)} == {
        one.item_key: one for one in merged
    }


def failing(page: Page) -> tuple[Draft, ...]:
    raise Permanent(f"{page.url} is broken", reason="broken")


def finding(page: Page) -> tuple[Draft, ...]:
    return (draft(title="Found", content=PROSE), draft("event", "jsonld", "k", title="Fair"))


def test_one_extractor_that_fails_does_not_lose_what_others_found() -> None:
    pipeline = Pipeline({"text/html": (("a", failing), ("b", finding))}, ())
    result = pipeline.process(capture(), html().encode(), RULES)
    assert [(one.title, one.flags) for one in result.drafts] == [
        ("Found", ("extractor_failed:broken",)),
        ("Fair", ()),
    ]
    assert result.reason is None


def test_if_none_finds_anything_the_first_reason_tells() -> None:
    result = Pipeline({"text/html": (("a", failing),)}, ()).process(capture(), b"", RULES)
    assert (result.drafts, result.reason) == ((), "broken")


def test_a_finished_draft_stays_as_it_is() -> None:
    pipeline = installed_pipeline()
    for one in pipeline.process(capture(), html(title="The mill turns").encode(), RULES).drafts:
        assert pipeline.finish(one, RULES, capture()) == one


def test_extractors_run_in_the_stated_order() -> None:
    names = [name for name, _ in installed_pipeline().extractors["text/html"]]
    assert names.index("structured") < names.index("article")
    assert names == sorted(names, key=lambda name: ORDER.index(name if name in ORDER else "plugins"))
