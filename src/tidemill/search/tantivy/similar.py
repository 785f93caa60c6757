"""Documents that share the telling words of one that is in the index."""

from __future__ import annotations

import tantivy
from tantivy import Occur, Query

from tidemill.search.analysis import Analysis
from tidemill.search.likeness import telling
from tidemill.search.tantivy.pages import Found
from tidemill.search.tantivy.schema import stored_of

_LEAST_SHARED = 0.2


def alike(
    index: tantivy.Index, searcher: tantivy.Searcher, analysis: Analysis, document_id: str, limit: int
) -> tuple[int, Found] | None:
    """How many there are, and the best of them; `None` if the document is not in the index."""
    itself = Query.term_query(index.schema, "id", document_id, "basic")
    held = searcher.search(itself, limit=1).hits
    if not held:
        return None
    stored = stored_of(searcher.doc(held[0][1]))
    words = telling(
        analysis,
        stored["title"],
        stored["content"],
        stored["language"],
        documents=searcher.num_docs,
        frequency=lambda stem: searcher.doc_freq("body", stem),
    )
    if not words:
        return 0, []
    shared = [
        (Occur.Should, Query.boost_query(Query.term_query(index.schema, "body", stem, "freq"), weight))
        for stem, weight in words.items()
    ]
    least = max(1, int(len(shared) * _LEAST_SHARED))
    sharing = Query.boolean_query(shared, minimum_number_should_match=least)
    found = searcher.search(Query.boolean_query([(Occur.Must, sharing), (Occur.MustNot, itself)]), limit=max(1, limit))
    return int(found.count), found.hits[:limit]  # type: ignore[attr-defined] # not in its stub
