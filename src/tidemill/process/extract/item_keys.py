"""Keys that tell the documents of one page apart, the same in whatever order they stand there.

Comes in: the drafts of a page, each with the values it was made of; goes out: the drafts with their keys. Called by the
extractors of items and of selected values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import orjson

from tidemill.models.document import Draft, Json

Values = Mapping[str, Json]


def keyed(made: Sequence[tuple[Draft, Values]], names: Sequence[str] = ()) -> tuple[Draft, ...]:
    """The drafts in their order, each with a key of its values of these names.

    Without names, or if a draft has none of them: of its `url`, else its title and start, else of all that it says.
    Equal keys are numbered, in an order of what the drafts say.
    """
    keys = [_key(draft, values, names) for draft, values in made]
    counts: dict[str, int] = {}
    numbered = [""] * len(made)
    for index in sorted(range(len(made)), key=lambda index: (keys[index], *_rank(*made[index]))):
        key = keys[index]
        counts[key] = counts.get(key, 0) + 1
        numbered[index] = key if counts[key] == 1 else f"{key}-{counts[key]}"
    return tuple(replace(draft, item_key=key) for (draft, _), key in zip(made, numbered, strict=True))


def _key(draft: Draft, values: Values, names: Sequence[str]) -> str:
    identity: dict[str, Json] = {name: values[name] for name in names if values.get(name) is not None}
    url = draft.fields.get("url") or draft.canonical_url
    if not identity and url:
        identity = {"url": url}
    if not identity and draft.title:
        identity = {"title": draft.title, "start": draft.fields.get("start")}
    return _digest(identity or dict(values))


def _rank(draft: Draft, values: Values) -> tuple[str, str, str]:
    return str(draft.fields.get("start") or ""), draft.title, _digest(dict(values))


def _digest(value: dict[str, Json]) -> str:
    """A short name of a value; what can be read is also written, but for one nested very deeply."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = repr(value).encode("utf-8", "replace")
    return blake2b(text, digest_size=12).hexdigest()
