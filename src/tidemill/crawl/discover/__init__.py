"""Finding pages that nothing links to: sitemaps, feeds, the pages of a JSON API.

Each reader makes a `listing` of a body; the fetcher calls it by the kind of the visit and of the answer.
"""
