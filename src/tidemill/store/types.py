"""Column types that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Uuid
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

_NUL = "\x00"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_NOBODY = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Moment(TypeDecorator[datetime]):
    """An aware time: `timestamptz` in PostgreSQL, text of UTC in SQLite, always aware and in UTC in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses naive times; SQLite gets UTC without its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value!r}: give it a zone before it reaches the store")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC comes back aware."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class _ServerText(TypeDecorator[str]):
    """Text of PostgreSQL that sorts by code point, as Python and SQLite do, whatever the locale of the database.

    It cannot hold U+0000, which strangers' pages may: U+FFFD stands for it, as in HTML.
    """

    impl = postgresql.TEXT(collation="C")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace(_NUL, _REPLACEMENT) if value is not None and _NUL in value else value


class _ServerId(TypeDecorator[str]):
    """An identifier in PostgreSQL, which refuses to compare one with what people may give for one.

    Such a text is the greatest UUID there, which RFC 9562 reserves and nothing has: it is not found, as in SQLite.
    """

    impl = postgresql.UUID(as_uuid=False)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None or _UUID.fullmatch(value) else _NOBODY


class _FileId(Uuid[str]):
    """An identifier in SQLite: 32 digits, read without making a `UUID` of each, which takes five times as long."""

    def __init__(self, *, as_uuid: Literal[False] = False, native_uuid: bool = True) -> None:
        super().__init__(as_uuid=as_uuid, native_uuid=native_uuid)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], str | None]:
        """Gives it the canonical form."""
        return _dashed


def _dashed(value: str | None) -> str | None:
    if value is None:
        return None
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def String(length: int) -> sa.String:  # noqa: N802 - stands where SQLAlchemy's type stood
    """Short text. PostgreSQL has no use for the length, and SQLite does not enforce it."""
    return sa.String(length).with_variant(_ServerText(), "postgresql")


Text = sa.Text().with_variant(_ServerText(), "postgresql")
Id = Uuid(as_uuid=False).with_variant(_ServerId(), "postgresql").with_variant(_FileId(), "sqlite")
# Not JSONB: that would change the order of keys and the spelling of numbers, and nothing looks inside with SQL.
Jsonb = JSON(none_as_null=True).with_variant(postgresql.JSON(none_as_null=True), "postgresql")
Serial = BigInteger().with_variant(Integer, "sqlite")
