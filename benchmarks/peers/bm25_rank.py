"""rank-bm25 as the baseline of relevance: tokens come in as JSON, rankings go out. Run by `benchmarks/search.py`."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Read `{"documents": [[token]], "questions": [[token]]}`; write for each question its ten best documents."""
    from rank_bm25 import BM25Okapi

    given = json.load(sys.stdin)
    index = BM25Okapi(given["documents"])
    best = []
    for question in given["questions"]:
        scores = index.get_scores(question)
        best.append([int(place) for place in scores.argsort()[::-1][:10]])
    json.dump(best, sys.stdout)


main()
