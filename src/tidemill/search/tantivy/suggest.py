"""How what is being typed may go on: titles that hold it, then the words of titles that its last word begins."""

from __future__ import annotations

import tantivy
from tantivy import Occur, Query

from tidemill.search.analysis import Analysis
from tidemill.search.suggesting import joined, typed_so_far
from tidemill.search.tantivy.match import Matching
from tidemill.search.tantivy.schema import stored_of

_TITLES = 3
_WORDS = 500


def completions(
    index: tantivy.Index, searcher: tantivy.Searcher, analysis: Analysis, text: str, limit: int
) -> tuple[str, ...]:
    """At most `limit` of them, the likeliest first."""
    words, begun = typed_so_far(analysis, text)
    if not (words or begun) or not searcher.num_docs:
        return ()
    matching = Matching(index)
    parts = [(Occur.Must, matching.term("title_exact", word)) for word in words]
    if begun:
        parts.append((Occur.Must, matching.beginning("title_exact", begun)))
    found = searcher.search(Query.boolean_query(parts), limit=limit * _TITLES)
    titles = [str(stored_of(searcher.doc(address))["title"]) for _, address in found.hits]
    last = begun[-1] if len(begun) == 1 else ""
    known = searcher.terms_with_prefix("title_exact", last, limit=_WORDS) if last else []
    return joined(text, titles, sorted(known, key=lambda each: -each[1]), limit)
