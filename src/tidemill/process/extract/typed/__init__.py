"""One module for each type of thing that markup describes: what of it becomes which field of a draft.

`reading` collects values with their origins, `values` makes clean ones of what markup holds; the other modules are
named after the kinds of documents. Called by `structured` and `events`. The fields are listed in
docs/reference/kinds.md.
"""
