"""Running one statement for many rows at the price of the driver: for the few statements that run for every page.

In: a Core statement and its rows. Out: what `connection.execute(statement, rows)` does. SQLAlchemy binds each row by
name, through a dozen calls; here the order and the conversions of the values are worked out once for a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Delete, Dialect, Insert, Update
from sqlalchemy.ext.asyncio import AsyncConnection

_MOST_PLANS = 64


@dataclass(frozen=True, slots=True)
class _Plan:
    """A compiled statement: its text and, for each place in it, the name, the conversion and the fixed value."""

    sql: str
    places: tuple[tuple[str, Callable[[Any], Any] | None, Any], ...]

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """A row as the driver takes it."""
        return tuple(
            [
                fixed if name not in row else row[name] if convert is None else convert(row[name])
                for name, convert, fixed in self.places
            ]
        )


async def execute_many(
    connection: AsyncConnection, statement: Insert | Update | Delete, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Run a statement once for each row. All rows have the names of the first; the statement is a module's constant."""
    plan = _plan(statement, connection.dialect, tuple(rows[0]))
    await connection.exec_driver_sql(plan.sql, [plan.values(row) for row in rows])


async def execute_plain(
    connection: AsyncConnection, statement: Insert, names: tuple[str, ...], rows: Sequence[tuple[int | bytes, ...]]
) -> None:
    """Insert rows of numbers and bytes, in the order of the names: what every driver takes as it is."""
    plan = _plan(statement, connection.dialect, names)
    order = [names.index(name) for name, _, _ in plan.places]
    if order != sorted(order):
        rows = [tuple([row[place] for place in order]) for row in rows]
    await connection.exec_driver_sql(plan.sql, list(rows))


@lru_cache(maxsize=_MOST_PLANS)
def _plan(statement: Insert | Update | Delete, dialect: Dialect, names: tuple[str, ...]) -> _Plan:
    keys = list(names) if isinstance(statement, Insert) else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    places = []
    for name in compiled.positiontup or ():
        convert = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
        fixed = None if name in names else compiled.params[name]
        places.append((name, convert, fixed if convert is None or fixed is None else convert(fixed)))
    return _Plan(str(compiled), tuple(places))
