"""Running one statement for many rows at the price of the driver: for the few statements that run for every page.

In: a Core statement and its rows. Out: what `connection.execute(statement, rows)` does. SQLAlchemy binds each row by
name, through a dozen calls; here the order and the conversions of the values are worked out once for a statement. A
server gets the rows of an INSERT as one statement, with an array for each column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Delete, Dialect, Insert, Table, Update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

_MOST_PLANS = 64
_INSERT = re.compile(r"(INSERT INTO \S+ \(([^()]*)\) )VALUES \(([^()]*)\)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A compiled statement: its text and, for each place in it, the name, the conversion and the fixed value."""

    sql: str
    in_one: str | None
    keys: tuple[str, ...]
    places: tuple[tuple[str, Callable[[Any], Any] | None, Any], ...]

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """A row as the driver takes it."""
        return tuple(
            [
                fixed if name not in row else row[name] if convert is None else convert(row[name])
                for name, convert, fixed in self.places
            ]
        )

    def is_at_once(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether all may go in one statement, which may not meet the same row twice."""
        if self.in_one is None or len(rows) == 1:
            return False
        return not self.keys or len({tuple(row[key] for key in self.keys) for row in rows}) == len(rows)


async def execute_many(
    connection: AsyncConnection, statement: Insert | Update | Delete, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Run a statement once for each row. All rows have the names of the first; the statement is a module's constant."""
    plan = _plan(statement, connection.dialect, tuple(rows[0]))
    values = [plan.values(row) for row in rows]
    if plan.in_one is not None and plan.is_at_once(rows):
        await _at_once(connection, plan.in_one, values, len(rows[0]))
    else:
        await connection.exec_driver_sql(plan.sql, values)


async def execute_plain(
    connection: AsyncConnection, statement: Insert, names: tuple[str, ...], rows: Sequence[tuple[int | bytes, ...]]
) -> None:
    """Insert rows of numbers and bytes, in the order of the names: what every driver takes as it is. No row twice."""
    plan = _plan(statement, connection.dialect, names)
    order = [names.index(name) for name, _, _ in plan.places]
    if order != sorted(order):
        rows = [tuple([row[place] for place in order]) for row in rows]
    if plan.in_one is not None:
        await _at_once(connection, plan.in_one, rows, len(names))
    else:
        await connection.exec_driver_sql(plan.sql, list(rows))


async def _at_once(connection: AsyncConnection, sql: str, values: Sequence[tuple[Any, ...]], width: int) -> None:
    """One statement with an array for each of the first `width` places; what the statement says is the same for all."""
    columns = [list(column) for column in zip(*values, strict=True)]
    await connection.exec_driver_sql(sql, (*columns[:width], *(same[0] for same in columns[width:])))


@lru_cache(maxsize=_MOST_PLANS)
def _plan(statement: Insert | Update | Delete, dialect: Dialect, names: tuple[str, ...]) -> _Plan:
    keys = list(names) if isinstance(statement, Insert) else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    places = []
    for name in compiled.positiontup or ():
        convert = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
        fixed = None if name in names else compiled.params[name]
        places.append((name, convert, fixed if convert is None or fixed is None else convert(fixed)))
    sql = str(compiled)
    if not (isinstance(statement, Insert) and isinstance(statement.table, Table) and dialect.name == "postgresql"):
        return _Plan(sql, None, (), tuple(places))
    of_row = [column.name for column in statement.table.primary_key if column.name in names]
    return _Plan(sql, _in_one(sql, statement.table, dialect), tuple(of_row), tuple(places))


def _in_one(sql: str, table: Table, dialect: Dialect) -> str | None:
    """An INSERT of one row as one of many: the place of each value becomes an array of its column's type."""
    found = _INSERT.fullmatch(sql)
    if found is None:
        return None
    begin, listed, values, rest = found.groups()
    names = [each.strip().strip('"') for each in listed.split(",")]
    if [each.strip().partition("::")[0] for each in values.split(",")] != [f"${n}" for n in range(1, len(names) + 1)]:
        return None
    arrays = ", ".join(f"${n}::{_type(table.c[name].type, dialect)}[]" for n, name in enumerate(names, 1))
    return f"{begin}SELECT * FROM unnest({arrays}){rest}"


def _type(type_: TypeEngine[Any], dialect: Dialect) -> str:
    return dialect.type_compiler_instance.process(type_.dialect_impl(dialect)).partition(" COLLATE ")[0]
