"""The fields of the index, and the form in which a document is written to it and read back.

Words are in four fields: `exact` (title and content as written, with positions, for phrases, prefixes and accents),
`body` (the same stemmed, in one field for all languages so that their statistics are one), `title` (stemmed) and
`title_exact`. Only `stored` is read back; it holds the content too, which costs less than asking the store for ten
documents on every search.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import tantivy

from tidemill.models.document import Document
from tidemill.search.tantivy.analysis import Analysis
from tidemill.search.text import clean

SCHEMA_VERSION = 1
"""To be raised with any change of fields, analysis or stored form: an index of another version is rebuilt."""

POSITIONAL = ("exact", "title_exact", "author")
_RAW = ("id", "source", "kind", "language", "domain", "tag")
_EXACT_TOKENIZER = "tidemill_exact"
_ENGLISH_TOKENIZER = "tidemill_english"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def build_schema() -> tantivy.Schema:
    """The schema of an index of `SCHEMA_VERSION`."""
    builder = tantivy.SchemaBuilder()
    for name in _RAW:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in POSITIONAL:
        builder.add_text_field(name, tokenizer_name=_EXACT_TOKENIZER, index_option="position")
    for name in ("body", "title"):
        builder.add_text_field(name, tokenizer_name=_ENGLISH_TOKENIZER, index_option="freq")
    builder.add_integer_field("published_at", indexed=True, fast=True)
    builder.add_bytes_field("stored", stored=True)
    return builder.build()


def register(index: tantivy.Index, analysis: Analysis) -> None:
    """Tell an opened index what its tokenizers are; they are not kept in it."""
    index.register_tokenizer(_EXACT_TOKENIZER, analysis.exact)
    index.register_tokenizer(_ENGLISH_TOKENIZER, analysis.stemming["en"])


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
        for name, value in _raw_values(document):
            out.add_text(name, value)
        out.add_bytes("stored", orjson.dumps(_stored(document, title, content)))
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


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970 (UTC) of an aware time, before 1970 too."""
    return (moment - _EPOCH) // timedelta(seconds=1)


def raw(value: str) -> str:
    """A value of a raw field as it is indexed and asked for: without regard to case."""
    return clean(value).strip().casefold()


def host_of(url: str) -> str:
    """The host of a URL or of what people write for one (`example.org/a`), in lower case, without port."""
    authority = raw(url).split("://")[-1].split("/")[0].split("?")[0].split("#")[0].rsplit("@")[-1]
    if authority.startswith("["):
        return authority.split("]")[0] + "]"
    return authority.split(":")[0].rstrip(".")


def _raw_values(document: Document) -> list[tuple[str, str]]:
    draft = document.draft
    values = [
        ("id", document.id),
        ("source", raw(document.source)),
        ("kind", raw(draft.kind)),
        ("language", raw(draft.language or "")),
    ]
    values += [("tag", raw(tag)) for tag in draft.tags]
    values += [("domain", domain) for domain in _domains(host_of(document.url))]
    return [(name, value) for name, value in values if value]


def _domains(host: str) -> list[str]:
    """The host and its parents of two labels or more; an address has none."""
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit():
        return [host]
    return [host, *(".".join(labels[start:]) for start in range(1, len(labels) - 1))]


def _stored(document: Document, title: str, content: str) -> dict[str, Any]:
    draft = document.draft
    published = draft.published_at
    return {
        "id": document.id,
        "url": clean(document.url),
        "title": title,
        "source": clean(document.source),
        "kind": draft.kind,
        "language": draft.language,
        "author": clean(draft.author) if draft.author else None,
        "summary": clean(draft.summary) if draft.summary else None,
        "published_at": published.isoformat() if published else None,
        "content": content,
    }
