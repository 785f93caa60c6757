"""Adds what can be computed from the text: language, word count, reading time, summary, keywords, named entities.

Comes in: a clean draft; goes out: the same with these filled in. The second step of the pipeline.
"""

from __future__ import annotations

from dataclasses import replace

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, origin
from tidemill.models.source import ProcessRules
from tidemill.process.steps.clean import clean_line, clean_lines
from tidemill.process.steps.entities import find_entities
from tidemill.process.steps.keywords import find_keywords
from tidemill.process.steps.language import recognize
from tidemill.process.steps.sentences import split_sentences
from tidemill.process.steps.summary import shorten, summarize
from tidemill.process.steps.words import count_words

WORDS_PER_MINUTE = 200

_READ_CHARS = 5_000
"""What a text is about is told by its beginning: some 800 words are read for summary and keywords."""

_LEAST_DESCRIPTION_CHARS = 40


def enrich(draft: Draft, rules: ProcessRules, capture: Capture) -> Draft:
    """The draft with language, word count, reading time in minutes, a summary of at most 300 characters and keywords.

    A summary of the page's own stays, if it has 40 characters and says more than the title, and so do keywords that are
    there already. Entities are looked for only if the source wants them (`process.entities`).
    """
    words = count_words(draft.content)
    language, confidence, recognized_by = recognize(draft)
    draft = replace(
        draft,
        word_count=words,
        reading_time_minutes=-(-words // WORDS_PER_MINUTE),
        language=language,
        language_confidence=confidence,
        provenance={**draft.provenance, "language": recognized_by} if recognized_by else draft.provenance,
    )
    draft = _with_keywords(_with_summary(draft))
    return find_entities(draft) if rules.entities else draft


def _with_summary(draft: Draft) -> Draft:
    own = draft.summary
    if own and (not draft.content or _tells_more(own, draft.title)):
        return replace(draft, summary=shorten(own))
    if not draft.content:
        return draft
    sentences = split_sentences(draft.content[:_READ_CHARS], draft.language)
    summary = clean_line(summarize(sentences, draft.title, draft.language))
    return replace(draft, summary=summary, provenance={**draft.provenance, "summary": origin("extractive")})


def _tells_more(description: str, title: str) -> bool:
    return len(description) >= _LEAST_DESCRIPTION_CHARS and description.casefold() != title.casefold()


def _with_keywords(draft: Draft) -> Draft:
    if draft.keywords:
        return draft
    keywords = clean_lines(find_keywords(draft.content[:_READ_CHARS], draft.title, draft.language))
    provenance = {**draft.provenance, "keywords": origin("phrases")} if keywords else draft.provenance
    return replace(draft, keywords=keywords, provenance=provenance)
