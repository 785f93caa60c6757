"""What counts how much, in every engine. BM25 of a word's stem in the whole text is 1.

Chosen by `benchmarks/search.py`: a title that weighs more than this wins against documents that say more about the
question, and a bonus for nearness that is larger prefers chance neighbours to rare words.
"""

TITLE_WEIGHT = 0.5
"""BM25 of the stem in the title, whose words count in the text as well."""

EXACT_WEIGHT = 0.5
"""BM25 of the very form that was asked for."""

ALL_WORDS_WEIGHT = 0.2
"""For documents with all words: so much more of what the words are worth."""

NEAR_WEIGHT = 0.15
"""BM25 of two words that follow each other in the question and stand near each other."""

IN_ORDER_WEIGHT = 0.25
"""The same for two that follow each other in the text."""

FUZZY_WEIGHT = 0.5
"""For a word that only looks like the one asked for."""

NEAR_SLOP = 3
"""How many other words may stand between near ones."""
