"""Work that PostgreSQL broke off to undo a deadlock or a conflict between transactions is done again.

In: a function whose whole effect is in its transactions. Out: the same function, which tries a few times before it
gives up. Nothing of a broken transaction is left, so that what was leased or recorded is not done twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from tidemill.errors import Transient

P = ParamSpec("P")
R = TypeVar("R")
_TRIES = 5
_PAUSE_S = 0.02
CONFLICT = "database_conflict"


def tried_again(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Run `function` again after `database_conflict`, five times in all; the last one is raised."""

    @wraps(function)
    async def persistent(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, _TRIES):
            try:
                return await function(*args, **kwargs)
            except Transient as error:
                if error.reason != CONFLICT:
                    raise
            await asyncio.sleep(random.uniform(0, _PAUSE_S * 2**attempt))  # noqa: S311 - apart, not secret
        return await function(*args, **kwargs)

    return persistent
