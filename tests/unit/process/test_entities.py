"""Named entities by a spaCy that is made up here: what is asked of it, and what becomes of its answers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest

from tidemill.models.document import Draft
from tidemill.process.steps import entities
from tidemill.process.steps.entities import EntityOptions, find_entities

CONFIDENCE = {"Mary Mill": 0.95, "Mill": 0.9, "Eling": 0.8, "Hull": 0.4, "two": 1.0}
LABELS = {"Mary Mill": "PERSON", "Mill": "PERSON", "Eling": "GPE", "Hull": "GPE", "two": "CARDINAL"}


@dataclass
class FakeDocument:
    """Finds the names above, each at the place of its first letter."""

    text: str
    ents: list[SimpleNamespace] = field(default_factory=list)

    def set_ents(self, spans: list[SimpleNamespace], *, default: str) -> None:
        assert default == "missing", "spaCy takes a name that is outside, too, for certain"
        self.ents = spans


class FakeModel:
    """A model with the recogniser `ner`, the scores of which are those above."""

    pipe_names = ("tok2vec", "ner")
    meta = {"lang": "en", "name": "fake", "version": "1.2"}  # noqa: RUF012

    def pipe(self, texts: Iterable[str]) -> Iterator[FakeDocument]:
        for text in texts:
            found = [name for name in LABELS if name in text and not (name == "Mill" and "Mary Mill" in text)]
            spans = [
                SimpleNamespace(
                    text=name, label_=LABELS[name], start=text.index(name), end=text.index(name) + len(name)
                )
                for name in found
            ]
            yield FakeDocument(text, spans)

    def get_pipe(self, name: str) -> FakeModel:
        assert name == "ner"
        return self

    def beam_parse(self, documents: list[FakeDocument], **_: float) -> list[FakeDocument]:
        assert all(not document.ents for document in documents)
        return documents

    def scored_ents(self, beams: list[FakeDocument]) -> list[dict[tuple[int, int, str], float]]:
        return [
            {
                (beam.text.index(name), beam.text.index(name) + len(name), LABELS[name]): score
                for name, score in CONFIDENCE.items()
                if name in beam.text
            }
            for beam in beams
        ]


@pytest.fixture
def spacy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """spaCy with one model, `en_fake`; the names of the models that were loaded."""
    loaded: list[str] = []

    def load(name: str) -> FakeModel:
        loaded.append(name)
        return FakeModel()

    module = ModuleType("spacy")
    module.__spec__ = ModuleSpec("spacy", None)
    vars(module).update(load=load, util=SimpleNamespace(is_package=lambda name: name == "en_fake"))
    monkeypatch.setitem(sys.modules, "spacy", module)
    entities.configure(EntityOptions({"en": "en_fake", "es": "es_absent"}, 0.7))
    yield loaded
    entities.configure(EntityOptions({}, 0.0))


def names(draft: Draft) -> list[tuple[object, object, object]]:
    return [(entity["text"], entity["label"], entity["confidence"]) for entity in draft.entities]


def test_mentions_are_united_the_unsure_and_numbers_left_out(spacy: list[str]) -> None:
    text = "Mary Mill of Eling saw Hull.\nMill counted two boats.\n\nEling again."
    draft = find_entities(Draft(kind="article", language="en", content=text))
    assert names(draft) == [("Mary Mill", "PERSON", 0.95), ("Eling", "GPE", 0.8)]
    assert draft.provenance["entities"] == "spacy@1.2 en_fake"
    assert draft.flags == ()
    assert find_entities(draft) == draft


def test_a_model_is_loaded_once(spacy: list[str]) -> None:
    for _ in range(3):
        find_entities(Draft(kind="article", language="en", content="Eling"))
    assert spacy == ["en_fake"]


@pytest.mark.parametrize("language", ["es", "de", None])
def test_a_language_without_an_installed_model_is_flagged(spacy: list[str], language: str | None) -> None:
    draft = find_entities(Draft(kind="article", language=language, content="Eling"))
    assert (draft.entities, draft.flags) == ((), ("entities_unavailable",))
    assert spacy == []


def test_what_rules_find_is_sure(spacy: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeModel, "pipe_names", ("entity_ruler",))
    draft = find_entities(Draft(kind="article", language="en", content="Hull"))
    assert names(draft) == [("Hull", "GPE", 1.0)]


def test_an_empty_text_names_nothing(spacy: list[str]) -> None:
    assert find_entities(Draft(kind="article", language="en")).entities == ()


def test_what_is_not_installed_is_told(spacy: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    options = EntityOptions({"en": "en_fake", "es": "es_absent"}, 0.7)
    assert entities.missing(options) == ("es_absent",)
    monkeypatch.delitem(sys.modules, "spacy")
    monkeypatch.setattr(entities, "find_spec", lambda name: None)
    assert entities.missing(options) == ("spacy",)
