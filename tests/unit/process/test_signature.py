"""The signature of a text: the same in every process and version, blind to case and space; short texts have none."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.steps.deduplicate import fingerprint
from tidemill.process.steps.signature import HASHES, _words, signature

NUMBERED = " ".join(f"word{number}" for number in range(60))
GOLDEN = "2f5a9b214b9bbcfdce7e34cc6b203e4fb49f5faff6a915c21036007aa892f516"  # pragma: allowlist secret
CAPTURE = Capture("", "", "", "", "http://a/", datetime(2026, 1, 1, tzinfo=UTC), 200, "text/html", "", "", 0)


def test_the_signature_is_the_same_for_ever() -> None:
    """If this fails, a library hashes otherwise, and stored signatures are worth nothing until all is reprocessed."""
    assert sha256(signature(NUMBERED)).hexdigest() == GOLDEN


@pytest.mark.thorough
def test_another_process_gives_the_same_signature() -> None:
    code = f"from tidemill.process.steps.signature import signature; print(signature({NUMBERED!r}).hex())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == signature(NUMBERED).hex()


@given(st.integers(0, 49))
def test_a_short_text_has_none(words: int) -> None:
    assert signature(" ".join(NUMBERED.split()[:words])) == b""


def test_fifty_words_have_one() -> None:
    assert len(signature(" ".join(NUMBERED.split()[:50]))) == 4 * HASHES


def test_case_white_space_and_punctuation_do_not_count() -> None:
    assert signature(NUMBERED.upper().replace(" ", ",\n  ")) == signature(NUMBERED)


def test_text_without_spaces_is_taken_by_characters() -> None:
    assert len(signature("".join(chr(0x4E00 + number) for number in range(60)))) == 4 * HASHES


@given(st.text(st.sampled_from("aZ9_ßéöİ ,.-'日本かカ漢\U00020000豈한ถ\ud800👍") | st.characters(), max_size=200))
def test_the_quick_look_for_letters_without_spaces_finds_the_same_words(text: str) -> None:
    with_han = "漢 "  # Such a text is always read letter by letter.
    assert _words(text) == _words(with_han + text)[1:]


def test_what_comes_after_fifty_thousand_words_does_not_count() -> None:
    long = " ".join(f"word{number}" for number in range(50_000))
    assert signature(long) == signature(long + " and more")


@pytest.mark.parametrize(
    ("draft", "rules", "is_signed"),
    [
        (Draft(kind="article", content=NUMBERED), ProcessRules(), True),
        (Draft(kind="pdf", content=NUMBERED), ProcessRules(), True),
        (Draft(kind="article", item_key="1", content=NUMBERED), ProcessRules(), True),
        (Draft(kind="product", content=NUMBERED), ProcessRules(), False),
        (Draft(kind="event", item_key="1", content=NUMBERED), ProcessRules(), False),
        (Draft(kind="story", content=NUMBERED), ProcessRules(kind="story"), True),
        (Draft(kind="story", item_key="1", content=NUMBERED), ProcessRules(kind="story"), False),
        (Draft(kind="article", content=NUMBERED), ProcessRules(near_duplicates=None), False),
    ],
)
def test_only_texts_are_signed_and_only_if_the_source_wants_it(
    draft: Draft, rules: ProcessRules, is_signed: bool
) -> None:
    assert bool(fingerprint(draft, rules, CAPTURE).signature) is is_signed
