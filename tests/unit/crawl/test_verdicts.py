"""Verdicts: walls and holes are told from content, with a reason; what only speaks of them is content."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from tests.unit.crawl.verdict_samples.holes import GONE, SHELLS
from tests.unit.crawl.verdict_samples.lookalikes import LOOKALIKES, NO_SHELLS
from tests.unit.crawl.verdict_samples.pages import SITE, Sample, bare, prose, site, verdict_of
from tests.unit.crawl.verdict_samples.protection import PROTECTION
from tests.unit.crawl.verdict_samples.walls import WALLS

from tidemill.crawl.verdicts import THRESHOLD, BrowserNeed, judge, needs_browser
from tidemill.crawl.verdicts.evidence import OUTCOMES, Evidence, weigh
from tidemill.crawl.verdicts.text import segments
from tidemill.markup.parse import parse_html
from tidemill.models.outcome import Outcome

ALL_WALLS = (*PROTECTION, *WALLS, *GONE)
PAGE = f"{SITE}/page"


def _named(sample: Sample) -> str:
    return sample.name


def _need(html: str) -> BrowserNeed | None:
    return needs_browser(parse_html(html), html, PAGE)


@pytest.mark.parametrize("sample", ALL_WALLS, ids=_named)
def test_a_wall_is_recognised_with_its_reason(sample: Sample) -> None:
    verdict = verdict_of(sample)
    assert verdict is not None
    assert verdict.reason == sample.reason
    assert verdict.outcome is OUTCOMES[verdict.reason]
    assert THRESHOLD <= verdict.confidence <= 1
    assert verdict.evidence


@pytest.mark.parametrize("sample", LOOKALIKES, ids=_named)
def test_a_page_that_only_speaks_of_walls_is_content(sample: Sample) -> None:
    assert verdict_of(sample) is None


def test_every_reason_has_a_sample_and_ends_as_blocked_or_gone() -> None:
    assert {sample.reason for sample in ALL_WALLS} == set(OUTCOMES)
    assert set(OUTCOMES.values()) == {Outcome.BLOCKED, Outcome.GONE}


@pytest.mark.parametrize("sample", ALL_WALLS, ids=_named)
def test_no_wall_has_plenty_of_text(sample: Sample) -> None:
    full = sample.html.replace("</body>", f"<article>{prose('sailing', 60)}</article></body>")
    if "</body>" in sample.html:
        verdict = verdict_of(replace(sample, html=full, headers={}))
        assert verdict is None


def test_the_tree_is_left_as_it_was() -> None:
    html = site("Page not found", "<h1>Page not found</h1><nav><a href='/'>Home</a></nav>")
    tree = parse_html(html)
    before = tree.html
    judge(200, {}, tree, html, PAGE)
    needs_browser(tree, html, PAGE)
    assert tree.html == before


def test_evidence_is_told_with_the_weightiest_first() -> None:
    html = bare("Just a moment...", "<p>Checking your browser</p><script>window._cf_chl_opt={}</script>")
    verdict = judge(403, {}, parse_html(html), html, PAGE)
    assert verdict is not None
    assert verdict.evidence[0] == "mark _cf_chl_opt"
    assert "title: just a moment" in verdict.evidence
    assert len(set(verdict.evidence)) == len(verdict.evidence)


def test_headers_are_found_in_any_case() -> None:
    html = "<p>x</p>"
    verdict = judge(403, CIMultiDict({"CF-Mitigated": "challenge"}), parse_html(html), html, PAGE)
    assert verdict is not None
    assert verdict.reason == "challenge"


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_an_error_page_that_says_nothing_more_than_its_status_keeps_the_reason_of_the_status(status: int) -> None:
    html = "<html><head><title>Harbour Lane</title></head><body><p>Something went wrong.</p></body></html>"
    assert judge(status, {}, parse_html(html), html, PAGE) is None


def test_an_error_is_never_taken_for_a_missing_page_or_an_empty_search() -> None:
    html = site("Page not found", "<h1>Page not found</h1><p>The page you are looking for has been moved.</p>")
    assert judge(200, {}, parse_html(html), html, PAGE) is not None
    assert judge(503, {}, parse_html(html), html, PAGE) is None


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("404 - page not found | harbour", {"404", "page not found", "harbour"}),
        ("oops! page not found", {"page not found"}),
        ("error: page not found", {"page not found"}),
        ("404 – the history of an error page", {"404", "the history of an error page"}),
        ("well-known", {"well-known"}),
        ("", set()),
    ],
)
def test_a_title_falls_into_its_parts(title: str, parts: set[str]) -> None:
    assert parts <= set(segments(title))


def test_evidence_adds_up_without_ever_being_certain_of_what_nothing_proves() -> None:
    half = Evidence("soft_404", 0.5, "half")
    assert weigh([]) == 0
    assert weigh([half]) == 0.5
    assert weigh([half, half]) == 0.75


@given(st.text(alphabet="<>abp/= \"'-!&;h1titlescrpn\n", max_size=400), st.sampled_from([200, 403, 429, 503]))
def test_no_markup_makes_it_fail(markup: str, status: int) -> None:
    tree = parse_html(markup)
    verdict = judge(status, {}, tree, markup, PAGE)
    assert verdict is None or verdict.confidence >= THRESHOLD
    needs_browser(tree, markup, PAGE)


def test_a_page_deeper_than_any_reader_goes_is_judged_by_its_beginning() -> None:
    html = f"<title>Page not found</title><h1>Page not found</h1><p>Sorry.</p>{'<div>' * 2_500}"
    verdict = judge(200, {}, parse_html(html), html, PAGE)
    assert verdict is not None
    assert verdict.reason == "soft_404"


@pytest.mark.parametrize("html", SHELLS)
def test_an_empty_shell_needs_a_browser(html: str) -> None:
    need = _need(html)
    assert need is not None
    assert need.reason == "js_shell"
    assert need.confidence >= THRESHOLD
    assert need.evidence


@pytest.mark.parametrize("html", [*NO_SHELLS, *(sample.html for sample in LOOKALIKES)])
def test_a_page_with_text_needs_none(html: str) -> None:
    assert _need(html) is None


@pytest.mark.parametrize("html", SHELLS)
def test_an_empty_shell_is_neither_blocked_nor_gone(html: str) -> None:
    assert judge(200, {}, parse_html(html), html, PAGE) is None
