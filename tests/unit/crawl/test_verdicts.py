"""Verdicts: walls and holes are told from content, with a reason; what only speaks of them is content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from tests.unit.crawl.verdict_samples.holes import GONE, SHELLS
from tests.unit.crawl.verdict_samples.lookalikes import LOOKALIKES, NO_SHELLS
from tests.unit.crawl.verdict_samples.pages import SITE, Sample, bare, prose, site, verdict_of
from tests.unit.crawl.verdict_samples.protection import PROTECTION
from tests.unit.crawl.verdict_samples.walls import WALLS

from tidemill.crawl.verdicts import (
    THRESHOLD,
    BrowserNeed,
    judge,
    missing_words,
    needs_browser,
    protection,
    protection_words,
    shell,
    wall_words,
)
from tidemill.crawl.verdicts.evidence import OUTCOMES, Evidence, can_reach, weigh
from tidemill.crawl.verdicts.judge import suspicion
from tidemill.crawl.verdicts.missing_words import EMPTY, NOT_FOUND, NOT_FOUND_CODE
from tidemill.crawl.verdicts.names import ANY_SAID, NAMES, SAID
from tidemill.crawl.verdicts.protection_words import PARTS
from tidemill.crawl.verdicts.reading import read_page
from tidemill.crawl.verdicts.text import Stems, Words, any_stem, finder, segments
from tidemill.crawl.verdicts.wall_words import CONSENT_PART, LOGIN_PART, MAINTENANCE_PART
from tidemill.markup.parse import parse_html
from tidemill.models.outcome import Outcome

ALL_WALLS = (*PROTECTION, *WALLS, *GONE)
PAGE = f"{SITE}/page"
ALL_WORDS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": words
    for module in (missing_words, protection_words, wall_words, shell)
    for name, words in vars(module).items()
    if isinstance(words, Words)
}


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


@pytest.mark.parametrize("sample", [*ALL_WALLS, *LOOKALIKES], ids=_named)
@pytest.mark.parametrize("status", [200, 403, 503])
def test_what_is_not_looked_for_would_change_no_verdict(sample: Sample, status: int) -> None:
    """`judge` stops looking as soon as no verdict can be reached; `suspicion` looks at everything."""
    given_page = (status, sample.headers, parse_html(sample.html), sample.html, sample.url)
    most = suspicion(*given_page)
    assert judge(*given_page) == (most if most is not None and most.confidence >= THRESHOLD else None)


def test_a_confidence_that_is_rounded_up_to_the_threshold_counts_as_within_reach() -> None:
    assert can_reach(0.7, [Evidence("paywall", 0.6996, "")])
    assert not can_reach(0.7, [Evidence("paywall", 0.69, "")])


@pytest.mark.thorough
@pytest.mark.parametrize("words", ALL_WORDS.values(), ids=ALL_WORDS)
def test_nothing_is_said_without_one_of_its_stems(words: Words) -> None:
    assert not _can_avoid(words.source, words.stems)


@pytest.mark.parametrize("words", ALL_WORDS.values(), ids=ALL_WORDS)
def test_one_look_for_several_kinds_of_words_misses_none(words: Words) -> None:
    every = Stems(Words("elsewhere", stems="elsewhere"), words)
    assert all(every.may_be_in(f"is {stem} here") for stem in ("elsewhere", *words.stems))
    assert not every.may_be_in("\0")


def test_all_names_and_sayings_are_looked_for_at_once() -> None:
    kinds = [words for _, words in PARTS] + [
        NOT_FOUND,
        NOT_FOUND_CODE,
        EMPTY,
        LOGIN_PART,
        CONSENT_PART,
        MAINTENANCE_PART,
    ]
    assert all(NAMES.may_be_in(stem) for words in kinds for stem in words.stems)
    assert all(ANY_SAID.may_be_in(stem) for _, words in SAID for stem in words.stems)


def test_a_missing_stem_is_noticed() -> None:
    assert _can_avoid("(?:page|site) (?:is )?gone|seite fehlt", ("gone", "site"))
    assert _can_avoid("no(?:t|pe)? found", ("not found", "no found"))
    assert not _can_avoid("(?:page|site) (?:is )?gone|seite fehlt", ("gone", "fehlt"))
    assert not _can_avoid("no(?:t|pe)? found", ("not found", "no found", "pe f"))


@pytest.mark.parametrize("mark", [mark for mark, _, _ in protection._MARKS])
def test_marks_of_vendors_are_found_however_they_are_written(mark: str) -> None:
    assert mark == mark.lower()
    assert protection._holds_mark(f"<p>{mark.upper()}</p>")


def test_pieces_of_text_are_found_in_any_text() -> None:
    finds = finder(any_stem("c++ (é)", "日本"))
    assert finds("is c++ (é)")
    assert finds("日本語")
    assert not finds("c")
    assert not finds("\ud800 日 本")


def test_patterns_are_compiled_when_they_are_first_needed() -> None:
    words = Words("page (", stems="page")
    assert words.search("a book") is None
    with pytest.raises(re.error):
        words.search("a page")


def _can_avoid(pattern: str, stems: tuple[str, ...]) -> bool:
    """Whether the pattern can match a text that holds none of the stems.

    Follows every text that it matches, character by character, and keeps only what of a stem has just begun. What a
    wide class or a look around forbids is taken to be allowed, so that "no" is certain.
    """
    beginnings = {stem[:size] for stem in stems for size in range(len(stem))}
    letters = frozenset({*"".join(stems), "\0"})  # the last stands for every other

    @cache
    def step(begun: str, letter: str) -> str | None:
        said = begun + letter
        if said.endswith(stems):
            return None
        return next(said[start:] for start in range(len(said) + 1) if said[start:] in beginnings)

    @cache
    def after(begun: frozenset[str], next_letters: frozenset[str]) -> frozenset[str]:
        steps = (step(each, letter) for letter in next_letters for each in begun)
        return frozenset(each for each in steps if each is not None)

    return bool(_followed(re._parser.parse(pattern), frozenset({""}), after, letters))


def _followed(
    nodes: Iterable[tuple[object, object]],
    begun: frozenset[str],
    after: Callable[[frozenset[str], frozenset[str]], frozenset[str]],
    letters: frozenset[str],
) -> frozenset[str]:
    for operation, what in nodes:
        match str(operation):
            case "LITERAL":
                begun = after(begun, frozenset({chr(what)}))
            case "IN" if {str(kind) for kind, _ in what} == {"LITERAL"}:
                begun = after(begun, frozenset(chr(letter) for _, letter in what))
            case "ANY" | "IN" | "NOT_LITERAL":
                begun = after(begun, letters)
            case "BRANCH":
                begun = frozenset().union(*(_followed(branch, begun, after, letters) for branch in what[1]))
            case "SUBPATTERN":
                begun = _followed(what[3], begun, after, letters)
            case "MAX_REPEAT" | "MIN_REPEAT":
                begun = _repeated(what, begun, after, letters)
            case "AT" | "ASSERT" | "ASSERT_NOT":
                pass
            case other:
                raise NotImplementedError(other)
    return begun


def _repeated(what, begun, after, letters) -> frozenset[str]:
    least, most, nodes = what
    for _ in range(least):
        begun = _followed(nodes, begun, after, letters)
    for _ in range(min(most, 200) - least):
        more = begun | _followed(nodes, begun, after, letters)
        if more == begun:
            break
        begun = more
    else:
        assert most <= 200, "not followed to the end"
    return begun


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


@pytest.mark.parametrize(
    ("body", "prose", "links", "lead"),
    [
        ("<p>one <a>two</a> three</p>", "one three", 1, "one two three"),
        ("<a>one<script>x</script><b>two</b></a> three", "three", 1, "one two three"),
        ("<header>one <a>two</a></header>three", "three", 1, "three"),
        ("<h1>one <a>two</a></h1>three", "one three", 1, "three"),
        ("<a><nav>one <a>two</nav></a>three", "three", 1, "three"),
        ("<nav>one <a>two</a></nav><a> </a>three", "three", 1, "three"),
        (
            "<div hidden>one</div><div class='x menu'>two</div><div style='display: none'>three</div>four",
            "four",
            0,
            "four",
        ),
        ("<svg><title>one</title></svg><select><option>two</select><!-- three -->four", "four", 0, "four"),
    ],
)
def test_the_main_text_is_read_without_links_and_furniture(body: str, prose: str, links: int, lead: str) -> None:
    tree = parse_html(f"<body>{body}</body>")
    page = read_page(tree, "", url=PAGE, status=200, headers={})
    assert page is not None
    assert page.prose_chars == len(prose.replace(" ", ""))
    assert (page.links, page.lead) == (links, lead)
