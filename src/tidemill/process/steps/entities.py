"""Names in a text (people, places, organisations …) by spaCy, which is optional: the extra `entities`.

Comes in: a draft of a source that wants them; goes out: the same with its entities, or with the flag
`entities_unavailable`. Called by `enrich`; `configure` by whoever starts the process (the pool's workers). Models are
those that are installed; nothing is ever downloaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Protocol, cast

from tidemill.models.document import Draft, Json, origin

UNAVAILABLE = "entities_unavailable"
"""Flag: the source wants named entities, but spaCy or the model of the document's language is not installed."""

MAX_ENTITIES = 100
MAX_CHARS = 20_000

_BEAM_WIDTH = 8
_BEAM_DENSITY = 0.01
_RULE_CONFIDENCE = 1.0
_PUNCTUATION = "'’\"“”.,;:()[] "
_PEOPLE = frozenset(("PERSON", "PER"))
_NUMBERS = frozenset(("CARDINAL", "ORDINAL", "QUANTITY", "PERCENT"))
"""Labels of mere numbers, which name nothing."""


@dataclass(frozen=True, slots=True)
class EntityOptions:
    """The model of each language (ISO 639-1), and the confidence below which a name is left out."""

    models: Mapping[str, str]
    min_confidence: float


def options_of(models: Iterable[str], min_confidence: float) -> EntityOptions:
    """The options for models by their names, which begin with their language (`en_core_web_sm`)."""
    return EntityOptions({name.partition("_")[0]: name for name in models}, min_confidence)


@dataclass(frozen=True, slots=True)
class _Mention:
    text: str
    label: str
    confidence: float


class _Span(Protocol):
    text: str
    label_: str
    start: int
    end: int


class _Document(Protocol):
    @property
    def ents(self) -> Iterable[_Span]: ...
    def set_ents(self, entities: list[_Span], *, default: str) -> None: ...


class _Recognizer(Protocol):
    """spaCy's component `ner`. `beam_parse` and `scored_ents` weigh several readings of a text against each other."""

    def beam_parse(self, documents: list[_Document], *, beam_width: int, beam_density: float) -> object: ...
    def scored_ents(self, beams: object) -> list[Mapping[tuple[int, int, str], float]]: ...


class _Language(Protocol):
    @property
    def pipe_names(self) -> list[str]: ...
    @property
    def meta(self) -> Mapping[str, object]: ...
    def pipe(self, texts: Iterable[str]) -> Iterable[_Document]: ...
    def get_pipe(self, name: str) -> object: ...


class _Models:
    """The models of this process, each loaded when it is first needed; one that cannot be is not tried again."""

    def __init__(self) -> None:
        self.options = EntityOptions({}, 0.0)
        self.loaded: dict[str, _Language | None] = {}

    def of(self, language: str | None) -> _Language | None:
        name = self.options.models.get(language or "")
        if name is None:
            return None
        if name not in self.loaded:
            self.loaded[name] = _load(name)
        return self.loaded[name]


_models = _Models()


def configure(options: EntityOptions) -> None:
    """Says which models to use; before, and without it, there are none. Called once in a process."""
    _models.options = options
    _models.loaded.clear()


def missing(options: EntityOptions) -> tuple[str, ...]:
    """What is not installed of the extra and the models; nothing is loaded. For `doctor`."""
    if find_spec("spacy") is None:
        return ("spacy",)
    return tuple(name for name in dict.fromkeys(options.models.values()) if not _is_installed(name))


def find_entities(draft: Draft) -> Draft:
    """The draft with the names in its text, surest first, several mentions as one, at most a hundred."""
    model = _models.of(draft.language)
    if model is None:
        return replace(draft, flags=tuple(dict.fromkeys((*draft.flags, UNAVAILABLE))))
    paragraphs = [line for line in draft.content[:MAX_CHARS].split("\n") if line]
    entities = _united(_weighed(model, list(model.pipe(paragraphs))), _models.options.min_confidence)
    flags = tuple(flag for flag in draft.flags if flag != UNAVAILABLE)
    if not entities:
        return replace(draft, entities=(), flags=flags)
    by = origin("spacy", str(model.meta.get("version", "0")), f"{model.meta.get('lang')}_{model.meta.get('name')}")
    return replace(draft, entities=entities, flags=flags, provenance={**draft.provenance, "entities": by})


def _weighed(model: _Language, paragraphs: list[_Document]) -> Iterator[_Mention]:
    """Each name that the model has found.

    spaCy itself gives no probabilities. A name's confidence is the share that the readings which have it hold of the
    weight of all readings that a beam search keeps, by the same model and paragraph by paragraph (in a long text all
    that is left of the beam differs at its end only). What rules have found is sure.
    """
    found = [[(span.text, span.label_, span.start, span.end) for span in paragraph.ents] for paragraph in paragraphs]
    scores: list[Mapping[tuple[int, int, str], float]] = [{} for _ in paragraphs]
    if paragraphs and "ner" in model.pipe_names:
        for paragraph in paragraphs:
            paragraph.set_ents([], default="missing")  # A name that is set already is taken for certain.
        recognizer = cast(_Recognizer, model.get_pipe("ner"))
        beams = recognizer.beam_parse(paragraphs, beam_width=_BEAM_WIDTH, beam_density=_BEAM_DENSITY)
        scores = recognizer.scored_ents(beams)
    by_rule = _RULE_CONFIDENCE if any("ruler" in name for name in model.pipe_names) else 0.0
    for names, score in zip(found, scores, strict=True):
        for text, label, start, end in names:
            yield _Mention(_name(text), label, min(score.get((start, end, label), by_rule), 1.0))


def _name(text: str) -> str:
    text = " ".join(text.split()).strip(_PUNCTUATION)
    return text.removesuffix("'s").removesuffix("’s")


def _united(mentions: Iterable[_Mention], least: float) -> tuple[dict[str, Json], ...]:
    """Mentions of one name are one entity: with the label that has most weight, as sure as the surest of them.

    Part of a person's full name is a mention of that person.
    """
    by_name: dict[str, list[_Mention]] = {}
    for mention in mentions:
        if mention.text and mention.label not in _NUMBERS and mention.confidence >= least:
            by_name.setdefault(mention.text.casefold(), []).append(mention)
    best = [_best(named) for named in by_name.values()]
    people = [f" {mention.text.casefold()} " for mention in best if mention.label in _PEOPLE]
    whole = [mention for mention in best if mention.label not in _PEOPLE or not _is_part(mention.text, people)]
    whole.sort(key=lambda mention: -mention.confidence)
    return tuple(
        {"text": mention.text, "label": mention.label, "confidence": round(mention.confidence, 3)}
        for mention in whole[:MAX_ENTITIES]
    )


def _best(mentions: list[_Mention]) -> _Mention:
    weights: dict[str, float] = {}
    for mention in mentions:
        weights[mention.label] = weights.get(mention.label, 0.0) + mention.confidence
    label = max(weights, key=lambda name: (weights[name], name))
    confidence = max(mention.confidence for mention in mentions if mention.label == label)
    return replace(mentions[0], label=label, confidence=confidence)


def _is_part(name: str, people: list[str]) -> bool:
    part = f" {name.casefold()} "
    return any(part in person and part != person for person in people)


def _load(name: str) -> _Language | None:
    """The model, or `None` if it or spaCy is not installed. Raises what spaCy raises if it is damaged."""
    if find_spec("spacy") is None or not _is_installed(name):
        return None
    load = cast(Callable[[str], _Language], importlib.import_module("spacy").load)
    return load(name)


def _is_installed(name: str) -> bool:
    is_installed = cast(Callable[[str], bool], importlib.import_module("spacy").util.is_package)
    return is_installed(name)
