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


class _Span(Protocol):
    text: str
    label_: str
    start: int
    end: int


class _Document(Protocol):
    @property
    def ents(self) -> Iterable[_Span]: ...


class _Recognizer(Protocol):
    """spaCy's component `ner`. `beam_parse` and `scored_ents` weigh several readings of a text against each other."""

    def beam_parse(self, documents: list[_Document], *, beam_width: int, beam_density: float) -> object: ...
    def scored_ents(self, beams: object) -> list[Mapping[tuple[int, int, str], float]]: ...


class _Language(Protocol):
    @property
    def pipe_names(self) -> list[str]: ...
    @property
    def meta(self) -> Mapping[str, object]: ...
    def __call__(self, text: str) -> _Document: ...
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
    document = model(draft.content[:MAX_CHARS])
    entities = _united(_weighed(model, document), _models.options.min_confidence)
    flags = tuple(flag for flag in draft.flags if flag != UNAVAILABLE)
    if not entities:
        return replace(draft, entities=(), flags=flags)
    by = origin("spacy", str(model.meta.get("version", "0")), f"{model.meta.get('lang')}_{model.meta.get('name')}")
    return replace(draft, entities=entities, flags=flags, provenance={**draft.provenance, "entities": by})


def _weighed(model: _Language, document: _Document) -> Iterator[tuple[str, str, float]]:
    """Each name that the model has found: text, label, confidence.

    spaCy itself gives no probabilities. A name's confidence is the share that the readings which have it hold of the
    weight of all readings that a beam search keeps: of the same model, but on the text once more. What rules have found
    is sure.
    """
    scores: Mapping[tuple[int, int, str], float] = {}
    if "ner" in model.pipe_names:
        recognizer = cast(_Recognizer, model.get_pipe("ner"))
        beams = recognizer.beam_parse([document], beam_width=_BEAM_WIDTH, beam_density=_BEAM_DENSITY)
        scores = recognizer.scored_ents(beams)[0]
    has_rules = any("ruler" in name for name in model.pipe_names)
    for span in document.ents:
        confidence = scores.get((span.start, span.end, span.label_), _RULE_CONFIDENCE if has_rules else 0.0)
        yield span.text, span.label_, confidence


def _united(found: Iterable[tuple[str, str, float]], least: float) -> tuple[dict[str, Json], ...]:
    """Mentions of one name are one entity, as sure as the surest of them."""
    best: dict[tuple[str, str], tuple[str, float]] = {}
    for raw, label, confidence in found:
        text = " ".join(raw.split()).strip("'’\"“”.,;:()[] ")
        text = text.removesuffix("'s").removesuffix("’s")
        key = (text.casefold(), label)
        if not text or label in _NUMBERS or confidence < least:
            continue
        if key not in best or best[key][1] < confidence:
            best[key] = (best[key][0] if key in best else text, confidence)
    entities: list[dict[str, Json]] = [
        {"text": text, "label": label, "confidence": round(min(confidence, 1.0), 3)}
        for (_, label), (text, confidence) in best.items()
    ]
    entities.sort(key=lambda entity: -cast(float, entity["confidence"]))
    return tuple(entities[:MAX_ENTITIES])


def _load(name: str) -> _Language | None:
    """The model, or `None` if it or spaCy is not installed. Raises what spaCy raises if it is damaged."""
    if find_spec("spacy") is None or not _is_installed(name):
        return None
    load = cast(Callable[[str], _Language], importlib.import_module("spacy").load)
    return load(name)


def _is_installed(name: str) -> bool:
    """A model is a package, or a folder."""
    is_installed = cast(Callable[[str], bool], importlib.import_module("spacy").util.is_package)
    return is_installed(name)
