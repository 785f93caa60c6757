"""A list of values as rows of a statement: the one place that knows how the database takes it.

In: values. Out: what a text binds, and what it selects from; each row has a column `value`. Called where hundreds of
keys are looked up at once, for which `IN` with a parameter for each is slow.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

SQL_LISTED = "json_each(:listed)"
"""The rows, in `FROM`."""


def listed(values: Iterable[int] | Iterable[str]) -> dict[str, str]:
    """The parameter that `SQL_LISTED` takes; sorted, so that the database reads its index in one direction."""
    return {"listed": orjson.dumps(sorted(values)).decode()}
