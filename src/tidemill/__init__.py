"""Tidemill turns websites into a clean, searchable, always-fresh store of documents.

Follow a page through the folders:

    schedule ─▶ crawl ─▶ archive ─▶ queue ─▶ process ─▶ store ─▶ search ─▶ api · web · cli
                                                        └─▶ deliver

`models` are the nouns that the rooms hand to one another, `errors` decide what becomes of failed work, `settings` is
the only reader of the environment, `app` the only place where the rooms are wired together, `manage` holds the verbs
that every door (cli, api, web) offers, and `roles` are the long-running processes.
"""

__version__ = "0.1.0"
