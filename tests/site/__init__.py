# ruff: noqa: A005 - a package of the tests, never on the path by itself
"""A local website with known truth: what is served, and what a correct crawl makes of each URL.

Read in this order: `truth` (what is known of a URL), `text` and `prose/` (the words), `articles`, `sections`, `events`,
`feeds`, `files`, `oddities`, `charsets`, `reprints`, `redirects`, `statuses`, `traps`, `hostile`, `numbered`, `api`
(the pages), `website` (all of them, and the pure answer to a request), `server` (the same over HTTP).
"""
