"""Text becomes tokens, the same way when a document is written and when a query is read.

`exact` tokens are lower-case without accents; `stems` are those of a language, also without accents. Scripts that put
no spaces between words give a token per character, so that any part of them can be found as a phrase.
"""

from __future__ import annotations

from functools import lru_cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from tidemill.search.text import UNSPACED, is_unspaced

STEMMERS = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""ISO 639-1 codes of the languages that are stemmed."""

_WITHOUT_STOP_WORDS = {"ar", "el", "ro", "ta", "tr"}

LONGEST_TOKEN_BYTES = 100

_BY_CHARACTER = rf"[{UNSPACED}]|[\p{{Alphabetic}}\p{{N}}--[{UNSPACED}]]+"
_QUESTION_WORDS = ["do", "does", "from", "has", "have", "how", "what", "when", "where", "which", "who", "why", "you"]


class Analysis:
    """The analyzers of one index."""

    def __init__(self) -> None:
        self.exact = _analyzer(Tokenizer.simple())
        self.by_character = _analyzer(Tokenizer.regex(_BY_CHARACTER))
        self.stemming = {code: _analyzer(Tokenizer.simple(), Filter.stemmer(name)) for code, name in STEMMERS.items()}
        listed = STEMMERS.keys() - _WITHOUT_STOP_WORDS
        self._stopping = {code: _stop_filter(STEMMERS[code]) for code in listed}
        self.stem = lru_cache(20_000)(self._stem)
        self.is_stop_word = lru_cache(20_000)(self._is_stop_word)

    def for_exact(self, text: str) -> TextAnalyzer:
        """What makes the exact tokens of `text`."""
        return self.by_character if is_unspaced(text) else self.exact

    def for_stems(self, text: str, language: str | None) -> TextAnalyzer:
        """What makes the stems of `text`; of a language without stemmer they are the exact tokens."""
        return self.stemming.get(language or "") or self.for_exact(text)

    def tokens(self, text: str) -> tuple[str, ...]:
        """The exact tokens of `text`."""
        return tuple(self.for_exact(text).analyze(text))

    def _is_stop_word(self, word: str, languages: tuple[str, ...]) -> bool:
        """Whether `word` carries no meaning of its own in one of `languages`."""
        return any(not self._stopping[code].analyze(word) for code in languages if code in self._stopping)

    def _stem(self, word: str, language: str | None) -> str | None:
        """The stem of one word; `None` if `word` is not one token."""
        found = self.for_stems(word, language).analyze(word)
        return found[0] if len(found) == 1 else None


def _analyzer(tokenizer: Tokenizer, stemmer: Filter | None = None) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(tokenizer).filter(Filter.remove_long(LONGEST_TOKEN_BYTES)).filter(Filter.lowercase())
    if stemmer is not None:
        builder = builder.filter(stemmer)
    return builder.filter(Filter.ascii_fold()).build()


def _stop_filter(language: str) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.lowercase()).filter(Filter.stopword(language))
    if language == "english":
        builder = builder.filter(Filter.custom_stopword(_QUESTION_WORDS))
    return builder.build()
