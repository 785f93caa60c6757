"""What an index of the cluster looks like, and a document in it.

Words are made here, by the analysis that every engine shares; the cluster only splits them at spaces. So a question
finds the same whichever engine answers it, and no plug-in for a language is needed. Only `stored` is given back.
"""

from __future__ import annotations

from typing import Any

from tidemill.models.document import Document
from tidemill.search.analysis import Analysis
from tidemill.search.text import clean
from tidemill.search.typed import typed
from tidemill.search.values import exact_values, hit_values, seconds, title_key

VERSION = 1
"""To be raised with any change of fields, analysis or stored form: an index of another version is built anew."""

_KEYWORDS = ("source", "kind", "language", "tag", "domain", "author_name", "host", "title_key")
_SEARCHED = ("exact", "body", "title", "title_exact", "author")


def template(pattern: str, *, shards: int, replicas: int) -> dict[str, Any]:
    """The index template for indexes whose names fit `pattern`."""
    words = {"type": "text", "analyzer": "whitespace"}
    properties: dict[str, Any] = {name: {"type": "keyword"} for name in _KEYWORDS}
    properties |= {name: words | {"index_options": "positions"} for name in ("exact", "title_exact", "author")}
    properties |= {name: words | {"index_options": "freqs"} for name in ("body", "title")}
    properties["published_at"] = {"type": "long"}
    properties["own"] = {
        "type": "nested",
        "properties": {"k": {"type": "keyword"}, "n": {"type": "double"}, "s": {"type": "keyword"}},
    }
    properties["stored"] = {"type": "object", "enabled": False}
    mappings = {"dynamic": False, "_source": {"excludes": list(_SEARCHED)}, "properties": properties}
    settings = {"number_of_shards": shards, "number_of_replicas": replicas, "refresh_interval": "-1"}
    return {"index_patterns": [pattern], "template": {"settings": settings, "mappings": mappings}}


def source_of(document: Document, analysis: Analysis) -> dict[str, Any]:
    """A document as it is sent to the cluster."""
    draft = document.draft
    title, content = clean(draft.title), clean(draft.content)
    in_title, in_content = analysis.tokens(title), analysis.tokens(content)
    title_stems = analysis.for_stems(title, draft.language).analyze(title)
    stems = analysis.for_stems(content, draft.language).analyze(content)
    source: dict[str, Any] = {
        "exact": [" ".join(in_title), " ".join(in_content)],
        "body": " ".join((*title_stems, *stems)),
        "title": " ".join(title_stems),
        "title_exact": " ".join(in_title),
        "author": " ".join(analysis.tokens(clean(draft.author or ""))),
        "stored": hit_values(document, title) | {"content": content},
    }
    for name, value in exact_values(document):
        if name != "id":
            source.setdefault(name, []).append(value[:8000])
    if key := title_key(title):
        source["title_key"] = key
    if draft.published_at:
        source["published_at"] = seconds(draft.published_at)
    own = typed(draft.fields)
    source["own"] = [{"k": name, "n": value} for name, values in own.numbers.items() for value in values]
    source["own"] += [{"k": name, "s": value} for name, values in own.texts.items() for value in values]
    return source
