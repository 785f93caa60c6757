"""The fields of the index, and the form in which a document is written to it and read back.

Words are in four fields: `exact` (title and content as written, with positions, for phrases, prefixes and accents),
`body` (the same stemmed, in one field for all languages so that their statistics are one), `title` (stemmed) and
`title_exact`. What is counted and sorted by is kept in columns as well. Only `stored` is read back; it holds the
content too, which costs less than asking the store for ten documents on every search.
"""

from __future__ import annotations

from typing import Any

import orjson
import tantivy

from tidemill.models.document import Document
from tidemill.search.analysis import Analysis
from tidemill.search.text import clean
from tidemill.search.typed import ordered, typed
from tidemill.search.values import exact_values, hit_values, seconds, title_key

SCHEMA_VERSION = 2
"""To be raised with any change of fields, analysis or stored form: an index of another version is rebuilt."""

POSITIONAL = ("exact", "title_exact", "author")
_RAW = ("id", "domain")
_COUNTED = ("source", "kind", "language", "tag", "author_name", "host", "title_key")
_EXACT_TOKENIZER = "tidemill_exact"
_ENGLISH_TOKENIZER = "tidemill_english"


def build_schema() -> tantivy.Schema:
    """The schema of an index of `SCHEMA_VERSION`."""
    builder = tantivy.SchemaBuilder()
    for name in (*_RAW, *_COUNTED):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=name in _COUNTED)
    for name in POSITIONAL:
        builder.add_text_field(name, tokenizer_name=_EXACT_TOKENIZER, index_option="position")
    for name in ("body", "title"):
        builder.add_text_field(name, tokenizer_name=_ENGLISH_TOKENIZER, index_option="freq")
    builder.add_integer_field("published_at", indexed=True, fast=True)
    builder.add_json_field("fields", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_bytes_field("stored", stored=True)
    return builder.build()


def register(index: tantivy.Index, analysis: Analysis) -> None:
    """Tell an opened index what its tokenizers are; they are not kept in it."""
    index.register_tokenizer(_EXACT_TOKENIZER, analysis.exact)
    index.register_tokenizer(_ENGLISH_TOKENIZER, analysis.stemming["en"])


def number_path(name: str) -> str:
    """Where the numbers of a source's own field are."""
    return f"fields.n.{name.replace('.', '/')}"


def text_path(name: str) -> str:
    """Where its texts are."""
    return f"fields.s.{name.replace('.', '/')}"


class DocumentWriter:
    """Makes tantivy's form of documents.

    Tokenizing inside tantivy costs half of handing it tokens, so a text goes in as it is where the field's own
    analyzer (exact, or English stems) is the right one; other languages and scripts are tokenized here.
    """

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis

    def convert(self, document: Document) -> tantivy.Document:
        """What is indexed and stored of `document`."""
        draft = document.draft
        title, content = clean(draft.title), clean(draft.content)
        out = tantivy.Document()
        for text in (title, content):
            self._add_exact(out, "exact", text)
            self._add_stems(out, "body", text, draft.language)
        self._add_exact(out, "title_exact", title)
        self._add_stems(out, "title", title, draft.language)
        if draft.author:
            self._add_exact(out, "author", clean(draft.author))
        if draft.published_at:
            out.add_integer("published_at", seconds(draft.published_at))
        for name, value in exact_values(document):
            out.add_text(name, value)
        if key := title_key(title):
            out.add_text("title_key", key)
        if draft.fields and (own := _own_fields(document)):
            out.add_json("fields", own)
        out.add_bytes("stored", orjson.dumps(hit_values(document, title) | {"content": content}))
        return out

    def _add_exact(self, out: tantivy.Document, field: str, text: str) -> None:
        analyzer = self._analysis.for_exact(text)
        if analyzer is self._analysis.exact:
            out.add_text(field, text)
        else:
            out.add_pre_tokenized_text(field, analyzer.pre_tokenize(text))

    def _add_stems(self, out: tantivy.Document, field: str, text: str, language: str | None) -> None:
        analyzer = self._analysis.for_stems(text, language)
        if analyzer is self._analysis.stemming["en"]:
            out.add_text(field, text)
        else:
            out.add_pre_tokenized_text(field, analyzer.pre_tokenize(text))


def stored_of(document: tantivy.Document) -> dict[str, Any]:
    """What `convert` stored: the fields of a hit and `content`."""
    values: dict[str, Any] = orjson.loads(document.get_first("stored") or b"{}")
    return values


def _own_fields(document: Document) -> dict[str, Any]:
    """Numbers as integers that sort like them: a range over numbers of two kinds ends tantivy's thread."""
    found = typed(document.draft.fields)
    numbers = {name.replace(".", "/"): list(map(ordered, values)) for name, values in found.numbers.items()}
    texts = {name.replace(".", "/"): list(values) for name, values in found.texts.items()}
    return {key: values for key, values in (("n", numbers), ("s", texts)) if values}
