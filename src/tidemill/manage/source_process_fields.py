"""What each field below `process` means, its default and its bounds: the part of `source_fields` about documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tidemill.models.source import FIELD_TYPES

COUNT = 10**12
_LARGE = 10**15


@dataclass(frozen=True, slots=True)
class About:
    """A field: its default as people read it, what it does, and what a number may be (bounds are included)."""

    default: str
    says: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


_SELECTORS = "exactly one of `css`, `xpath` and `path` is given"
_TYPES = ", ".join(f"`{each}`" for each in FIELD_TYPES)

PROCESS_FIELDS: Mapping[str, About] = MappingProxyType(
    {
        "process.kind": About("as found", "what the pages' own documents are called, like `product`"),
        "process.fields": About(
            "none",
            "values by selectors: names of a document (`title`, `content`, any other) to rules; see"
            " [Selectors](#selectors). A text for a rule is a `path` in a `json_api` source, else a `css` selector",
        ),
        "process.fields.*.css": About("none", f"CSS selector; {_SELECTORS}"),
        "process.fields.*.xpath": About("none", "XPath 1.0, with `re:test` and `re:match`"),
        "process.fields.*.path": About("none", "path in JSON: names and indexes joined by dots, `*` for all members"),
        "process.fields.*.attribute": About("the text", "attribute of the selected element whose value is taken"),
        "process.fields.*.type": About("`text`", f"what the value is made into: {_TYPES}", choices=FIELD_TYPES),
        "process.fields.*.many": About("`false`", "take all matches as a list; otherwise the first that is not empty"),
        "process.fields.*.required": About("`false`", "without this value a document is `invalid (missing_<field>)`"),
        "process.fields.*.default": About("none", "the value if there is none, or none that can be read"),
        "process.fields.*.transform": About(
            "none", "what is done with the text before it is made into its type; see [Transforms](#transforms)"
        ),
        "process.items": About("none", "the repeated parts of a page, each of which is a document"),
        "process.items.css": About("none", f"CSS selector of an item; {_SELECTORS}"),
        "process.items.xpath": About("none", "XPath 1.0 of an item"),
        "process.items.path": About("none", "path of the list of items in JSON"),
        "process.items.kind": About("`item`", "what the documents are called; `event` ones need no text"),
        "process.items.key": About("`url`, else `title` and `start`", "names of the fields that tell items apart"),
        "process.items.only": About("`true`", "a page with items has no document of its own beside them"),
        "process.time_zone": About("UTC", "IANA name of the zone of times that are written without one"),
        "process.prefer": About("the usual order", "for a value: which origins go first, like `title: [jsonld, h1]`"),
        "process.min_words": About(
            "`5`", "a page with fewer words is `invalid (empty_content)`; events need none", 0, COUNT
        ),
        "process.max_words": About("none", "a page with more words is invalid", 1, COUNT),
        "process.languages": About("any", "ISO 639 codes such as `en`; other documents are invalid"),
        "process.required": About(
            "none", "values that a document must have: `author`, `published_at`, or one of its `fields`"
        ),
        "process.checks": About("none", "what values must be like: names of values to checks"),
        "process.checks.*.type": About("any", f"one of {_TYPES}", choices=FIELD_TYPES),
        "process.checks.*.minimum": About("none", "least number", -_LARGE, _LARGE),
        "process.checks.*.maximum": About("none", "greatest number", -_LARGE, _LARGE),
        "process.checks.*.min_length": About("none", "least characters of a text, or members of a list", 0, COUNT),
        "process.checks.*.max_length": About("none", "most characters of a text, or members of a list", 0, COUNT),
        "process.checks.*.pattern": About("none", "regular expression that the whole text must match"),
        "process.checks.*.one_of": About("any", "the texts that it may be"),
        "process.schema": About("none", "JSON schema that the document, as it is exported, must satisfy"),
        "process.near_duplicates": About(
            "`0.75`", "similarity from which texts count as the same; `null`: only equal ones do", 0.5, 1
        ),
        "process.across_sources": About("`true`", "look for duplicates in other sources, too"),
        "process.entities": About("`false`", "find names of people, places and organisations (needs the extra)"),
        "process.llm": About(
            "see below", "what a language model is asked for; nothing unless `process.llm.url` is set"
        ),
        "process.llm.fields": About("none", "names of values to what is wanted, in words"),
        "process.llm.schema": About("text for each field", "JSON schema that an answer must satisfy"),
        "process.llm.max_pages": About("`1000`", "pages of a run for which it is asked", 0, COUNT),
    }
)
