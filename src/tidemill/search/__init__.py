"""Search: a view of the current documents that can always be rebuilt.

`indexer` tails the document changes and hands them to an engine; `api`, `web` and `cli` ask the engine. `base` is the
port; each engine is a package named after its technology; `query` and `highlight` are the same for all of them.
"""
