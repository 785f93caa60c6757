"""Each step does what it says, and doing it twice is doing it once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import PROSE, capture

from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.steps.clean import clean
from tidemill.process.steps.deduplicate import fingerprint
from tidemill.process.steps.enrich import enrich
from tidemill.process.steps.markdown import make_safe
from tidemill.process.steps.registry import Step, steps_in_order
from tidemill.process.steps.validate import validate
from tidemill.process.steps.words import count_words

RULES = ProcessRules()
CAPTURE = capture()
_TEXT = st.text(max_size=60) | st.text(alphabet="`<>[]()\\ \n#-*aÃ©â€™&;:jscript\u00a0\r", max_size=60)
DRAFTS = st.builds(
    Draft,
    kind=st.sampled_from(["article", "event"]),
    title=_TEXT,
    author=st.none() | _TEXT,
    language=st.sampled_from([None, "en", "es"]),
    content=_TEXT,
    markdown=_TEXT,
    summary=st.none() | _TEXT,
    tags=st.lists(_TEXT, max_size=3).map(tuple),
    fields=st.dictionaries(_TEXT, st.none() | st.integers() | _TEXT | st.lists(_TEXT, max_size=2), max_size=3),
    problems=st.sampled_from([(), ("no_text",)]),
)


@pytest.mark.thorough
@pytest.mark.parametrize("step", steps_in_order())
@given(draft=DRAFTS)
def test_a_step_done_twice_is_done_once(step: Step, draft: Draft) -> None:
    rules = ProcessRules(languages=("en",), required=("author", "fields_of_none"))
    once = step(draft, rules, CAPTURE)
    assert step(once, rules, CAPTURE) == once


@pytest.mark.thorough
@given(draft=DRAFTS)
def test_all_steps_done_twice_are_done_once(draft: Draft) -> None:
    def all_steps(draft: Draft) -> Draft:
        for step in steps_in_order():
            draft = step(draft, RULES, CAPTURE)
        return draft

    once = all_steps(draft)
    again = all_steps(once)
    assert replace(again, provenance=once.provenance) == once


def cleaned(content: str) -> str:
    return clean(Draft(kind="article", content=content), RULES, CAPTURE).content


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("e\u0301", "é"),
        ("a\x00b\x1bc\ufeff", "abc"),
        ("a \t\u00a0 b  \n\n\n\n c", "a b\n\nc"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\ud800b", "ab"),
        ("cafÃ©", "café"),
        ("itâ€™s", "it’s"),
        ("SÃO PAULO, Ãrea", "SÃO PAULO, Ãrea"),
        ("Grüße, naïve façade", "Grüße, naïve façade"),
    ],
)
def test_clean(given_text: str, text: str) -> None:
    assert cleaned(given_text) == text


def test_repaired_mojibake_is_flagged_once_and_only_then() -> None:
    repaired = clean(Draft(kind="article", title="cafÃ©"), RULES, CAPTURE)
    assert (repaired.title, repaired.flags) == ("café", ("mojibake_repaired",))
    assert clean(Draft(kind="article", title="e\u0301"), RULES, CAPTURE).flags == ()


def test_code_blocks_keep_their_white_space() -> None:
    block = "```\ndef f():\n    return  1\n\n\n\n    # end\n```"
    assert clean(Draft(kind="article", markdown=f"a\n\n\n\n{block}\n"), RULES, CAPTURE).markdown == f"a\n\n{block}"


@pytest.mark.parametrize(
    ("markdown", "safe"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("a < b and 1<2", "a < b and 1<2"),
        ("x <sub>2</sub>", "x &lt;sub>2&lt;/sub>"),
        ("\\<b>", "&lt;b>"),
        ("\\\\<b>", "\\\\&lt;b>"),
        ("<!-- x -->", "&lt;!-- x -->"),
        ("[a](javascript:alert(1))", "[a](#(1))"),
        ("[a](JaVa&#115;cript:x)", "[a](#)"),
        ("[a](java\\script:x)", "[a](#)"),
        ("[a](&#1;javascript:x)", "[a](#)"),
        ("[a](< javascript:x>)", "[a](%20javascript:x)"),
        ("![a](data:text/html;base64,x)", "![a](#)"),
        ("[a]: javascript:x", "[a]\\: javascript:x"),
        ("[a](https://x.example/?a=1)", "[a](https://x.example/?a=1)"),
        ("[a](/b:c)", "[a](/b:c)"),
        ("[a](<http://x.example/a b>)", "[a](http://x.example/a%20b)"),
        ("[a](mailto:a@b.example)", "[a](mailto:a@b.example)"),
        ("see `<div>` here", "see `<div>` here"),
        ("a ` b\n`<script>`", "a ` b\n`&lt;script>`"),
        ("a \\`<script>`", "a \\`&lt;script>`"),
        ("```\n<script>\n```\n<b>", "```\n<script>\n```\n&lt;b>"),
        ("- ```\n<script>", "-\n```\n<script>\n```"),
        ("``` a`b\n<script>", "``` a`b\n&lt;script>"),
    ],
)
def test_markdown_is_safe_to_show(markdown: str, safe: str) -> None:
    assert make_safe(markdown) == safe


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one two-three don't 4,5", 5),
        ("汉字四个", 4),
        ("日本語 and English", 5),
        ("สวัสดี", 6),
        ("— … !", 0),
        ("Привет мир", 2),
        ("한국어 문장", 2),
    ],
)
def test_words(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        (PROSE, None, "en"),
        (PROSE, "fr", "en"),
        ("El molino de marea vuelve a girar después de noventa años de silencio en el viejo puerto.", None, "es"),
        ("老港口的潮汐磨坊在沉寂九十年后再次转动，志愿者们去年冬天修复了水闸。", None, "zh"),
        ("Too short", "es", "es"),
        ("Too short", None, None),
        ("", "de", "de"),
    ],
)
def test_language(text: str, declared: str | None, language: str | None) -> None:
    found = enrich(Draft(kind="article", content=text, language=declared), RULES, CAPTURE)
    assert found.language == language
    assert (found.language_confidence is None) == (len(text) < 20)


def test_reading_time_is_rounded_up() -> None:
    times = [
        enrich(Draft(kind="text", content="word " * n), RULES, CAPTURE).reading_time_minutes for n in (0, 1, 200, 201)
    ]
    assert times == [0, 1, 1, 2]


def summary_of(description: str | None, content: str) -> str | None:
    return enrich(Draft(kind="article", summary=description, content=content), RULES, CAPTURE).summary


def test_the_summary_is_the_description_or_what_the_text_says() -> None:
    description = "A description of the page that is long enough."
    assert summary_of(description, PROSE) == description
    own = summary_of("short", PROSE)
    assert own is not None
    assert len(own) <= 300
    assert all(sentence in " ".join(PROSE.split()) for sentence in own.split(". ")[:1])
    long = summary_of(None, "word " * 100)
    assert long is not None
    assert long.endswith("word…")
    assert len(long) <= 300
    assert summary_of(None, "") is None


@pytest.mark.parametrize(
    ("draft", "rules", "problems"),
    [
        (Draft(kind="article", word_count=50), ProcessRules(), ()),
        (Draft(kind="article", word_count=0), ProcessRules(min_words=0), ("empty_content",)),
        (Draft(kind="article", word_count=4), ProcessRules(min_words=5), ("empty_content",)),
        (Draft(kind="event", word_count=0), ProcessRules(), ()),
        (Draft(kind="article", word_count=9, language="fr"), ProcessRules(languages=("en",)), ("wrong_language",)),
        (Draft(kind="article", word_count=9), ProcessRules(languages=("en",)), ("unknown_language",)),
        (
            Draft(kind="article", problems=("no_text",)),
            ProcessRules(required=("author", "title", "price")),
            ("no_text", "empty_content", "missing_author", "missing_title", "missing_price"),
        ),
        (Draft(kind="event", fields={"price": 1}), ProcessRules(required=("price",)), ()),
    ],
)
def test_validate_names_every_reason(draft: Draft, rules: ProcessRules, problems: tuple[str, ...]) -> None:
    assert validate(draft, rules, CAPTURE).problems == problems


def test_equal_contents_have_equal_hashes_and_visible_changes_another_fingerprint() -> None:
    base = fingerprint(Draft(kind="article", title="A  Title", content="some\ntext"), RULES, CAPTURE)
    same = fingerprint(Draft(kind="article", title="a title", content="some text", author="x"), RULES, CAPTURE)
    assert base.content_hash == same.content_hash
    assert base.fingerprint != same.fingerprint
    for change in (
        {"author": "x"},
        {"published_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"fields": {"a": 1}},
        {"tags": ("a",)},
    ):
        assert fingerprint(replace(base, **change), RULES, CAPTURE).fingerprint != base.fingerprint  # type: ignore[arg-type]
    for unseen in ({"provenance": {"a": "b"}}, {"language_confidence": 0.5}, {"flags": ("f",)}):
        assert fingerprint(replace(base, **unseen), RULES, CAPTURE).fingerprint == base.fingerprint  # type: ignore[arg-type]
    event = fingerprint(Draft(kind="event", title="A", fields={"start": "1"}), RULES, CAPTURE)
    assert (
        event.content_hash
        != fingerprint(Draft(kind="event", title="A", fields={"start": "2"}), RULES, CAPTURE).content_hash
    )
