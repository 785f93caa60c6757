"""A list of questions with their answers.

Comes in: a `FAQPage` (schema.org); goes out: a `Reading` with `questions`. Called by `structured`.
"""

from __future__ import annotations

from tidemill.models.document import Json
from tidemill.process.extract.jsonld import types_of
from tidemill.process.extract.typed.reading import Reading
from tidemill.process.extract.typed.values import line_of, paragraphs_of

_PATHS = ("mainEntity", "hasPart", "mainEntity.itemListElement", "mainEntity.mainEntity")
_MAX_QUESTIONS = 500


def read_faq(reading: Reading) -> None:
    """Puts the questions; the text of the document is all of them with their answers."""
    reading.text("title", "headline", "name")
    for path in _PATHS:
        asked = dict(found for value in reading.at(path) if (found := _question(reading, value)) is not None)
        if asked:
            pairs = list(asked.items())[:_MAX_QUESTIONS]
            reading.put("questions", [{"question": question, "answer": answer} for question, answer in pairs], path)
            reading.content = "\n\n".join(f"{question}\n{answer}" for question, answer in pairs)
            reading.provenance |= dict.fromkeys(("content", "markdown"), reading.provenance["questions"])
            return


def _question(reading: Reading, value: Json) -> tuple[str, str] | None:
    """A question and its answer."""
    if not isinstance(value, dict) or "Question" not in types_of(value):
        return None
    question = line_of(value.get("name")) or line_of(value.get("text"))
    answers = [*reading.at("acceptedAnswer", value), *reading.at("suggestedAnswer", value)]
    answer = next((text for given in answers if (text := paragraphs_of(given))), None)
    return (question, answer) if question and answer else None
