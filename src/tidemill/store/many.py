"""Running one statement for many rows at the price of the driver: for the few statements that run for every page.

In: a Core statement and its rows. Out: what `connection.execute(statement, rows)` does. SQLAlchemy binds each row by
name, through a dozen calls; here the order and the conversions of the values are worked out once for a statement. A
server gets the rows of an INSERT, and of an UPDATE whose rows are told apart by a key, as one statement with an array
for each value. SQLite gets the rows of an INSERT some dozen at a time: its driver lets go of Python's lock for each
statement, and to get it back may wake two threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Delete, Dialect, Insert, Table, Update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from tidemill.store.types import Moment

_MOST_PLANS = 64
_AT_A_TIME = 32
_INSERT = re.compile(r"(INSERT INTO \S+ \(([^()]*)\) )VALUES \(([^()]*)\)(.*)", re.DOTALL)
_PLACE = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class _PlaceOf:
    """A place of a statement: its name, the conversion of its values, and the value if rows have none of that name.

    `repeats`: the same values come again and again, and converting them takes longer than looking them up.
    """

    name: str
    convert: Callable[[Any], Any] | None
    fixed: Any
    repeats: bool

    def column(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The values of this place, row by row. All rows have the names of the first."""
        if self.name not in rows[0]:
            return [self.fixed] * len(rows)
        values = [row[self.name] for row in rows]
        if self.convert is None:
            return values
        if self.repeats:
            known = {value: self.convert(value) for value in set(values)}
            return [known[value] for value in values]
        return list(map(self.convert, values))


@dataclass(frozen=True, slots=True)
class _Plan:
    """A compiled statement: its text and its places. `in_one` is that of many rows for a server, whose places are in
    another `order`, those of rows first; `of_some` that of `_AT_A_TIME` rows for SQLite."""

    sql: str
    in_one: str | None
    of_some: str | None
    keys: tuple[str, ...]
    places: tuple[_PlaceOf, ...]
    width: int
    order: tuple[int, ...]

    def columns(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """The values of each place, as the driver takes them."""
        return [place.column(rows) for place in self.places]

    def is_at_once(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether all may go in one statement, which may not meet the same row twice."""
        if self.in_one is None or len(rows) == 1:
            return False
        return not self.keys or len({tuple(row[key] for key in self.keys) for row in rows}) == len(rows)


async def execute_many(
    connection: AsyncConnection,
    statement: Insert | Update | Delete,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: str | None = None,
) -> None:
    """Run a statement once for each row. All rows have the names of the first; the statement is a module's constant.

    `key` names the value of an UPDATE's rows by which no two of them can mean the same row of the table.
    """
    plan = _plan(statement, connection.dialect, tuple(rows[0]), key)
    columns = plan.columns(rows)
    if plan.in_one is not None and plan.is_at_once(rows):
        await _at_once(connection, plan.in_one, [columns[place] for place in plan.order], plan.width)
    else:
        await _by_some(connection, plan, list(zip(*columns, strict=True)))


async def execute_plain(
    connection: AsyncConnection, statement: Insert, names: tuple[str, ...], rows: Sequence[tuple[int | bytes, ...]]
) -> None:
    """Insert rows of numbers and bytes, in the order of the names: what every driver takes as it is. No row twice."""
    plan = _plan(statement, connection.dialect, names)
    order = [names.index(place.name) for place in plan.places]
    if order != sorted(order):
        rows = [tuple([row[place] for place in order]) for row in rows]
    if plan.in_one is not None:
        await _at_once(connection, plan.in_one, [list(column) for column in zip(*rows, strict=True)], len(names))
    else:
        await _by_some(connection, plan, rows)


async def _by_some(connection: AsyncConnection, plan: _Plan, rows: Sequence[tuple[Any, ...]]) -> None:
    whole = len(rows) - len(rows) % _AT_A_TIME if plan.of_some is not None else 0
    if plan.of_some is not None and whole:
        starts = range(0, whole, _AT_A_TIME)
        some = [tuple(chain.from_iterable(rows[start : start + _AT_A_TIME])) for start in starts]
        await connection.exec_driver_sql(plan.of_some, some)
    if whole < len(rows):
        await connection.exec_driver_sql(plan.sql, list(rows[whole:]))


async def _at_once(connection: AsyncConnection, sql: str, columns: Sequence[list[Any]], width: int) -> None:
    """One statement with an array for each of the first `width` places; what the statement says is the same for all."""
    await connection.exec_driver_sql(sql, (*columns[:width], *(same[0] for same in columns[width:])))


@lru_cache(maxsize=_MOST_PLANS)
def _plan(
    statement: Insert | Update | Delete, dialect: Dialect, names: tuple[str, ...], key: str | None = None
) -> _Plan:
    keys = list(names) if isinstance(statement, Insert) else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    places = []
    for name in compiled.positiontup or ():
        type_ = compiled.binds[name].type
        convert = type_.dialect_impl(dialect).bind_processor(dialect)
        fixed = None if name in names else compiled.params[name]
        fixed = fixed if convert is None or fixed is None else convert(fixed)
        places.append(_PlaceOf(name, convert, fixed, isinstance(type_, Moment)))
    sql = str(compiled)
    as_given = tuple(range(len(places)))
    in_one: str | None = None
    of_some: str | None = None
    of_row: tuple[str, ...] = ()
    order = as_given
    is_server = dialect.name == "postgresql"
    if isinstance(statement, Insert) and isinstance(statement.table, Table):
        if is_server:
            of_row = tuple(column.name for column in statement.table.primary_key if column.name in names)
            in_one = _in_one(sql, statement.table, dialect)
        else:
            of_some = _of_some(sql)
    elif is_server and isinstance(statement, Update) and key is not None:
        of_row = (key,)
        order = tuple(sorted(as_given, key=lambda place: places[place].name not in names))
        types = [_type(compiled.binds[place.name].type, dialect) for place in places]
        in_one = _updated_in_one(sql, types, order, len(names))
    return _Plan(sql, in_one, of_some, of_row, tuple(places), len(names), order)


def _updated_in_one(sql: str, types: Sequence[str], order: Sequence[int], width: int) -> str:
    """An UPDATE of one row as one of many: the place of each value becomes a column of what is joined to the table."""
    now = {str(before + 1): after + 1 for after, before in enumerate(order)}

    def place(found: re.Match[str]) -> str:
        number = now[found[1]]
        return f"given.v{number}" if number <= width else f"${number}"

    begin, where, rest = _PLACE.sub(place, sql).partition(" WHERE ")
    arrays = ", ".join(f"${n}::{types[order[n - 1]]}[]" for n in range(1, width + 1))
    values = ", ".join(f"v{n}" for n in range(1, width + 1))
    return f"{begin} FROM unnest({arrays}) AS given({values}){where}{rest}"


def _of_some(sql: str) -> str | None:
    """An INSERT of one row as one of `_AT_A_TIME` rows, for SQLite."""
    found = _INSERT.fullmatch(sql)
    if found is None or "?" in found[4]:
        return None
    begin, _, values, rest = found.groups()
    return f"{begin}VALUES {', '.join([f'({values})'] * _AT_A_TIME)}{rest}"


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
