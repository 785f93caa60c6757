"""Column types that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Uuid
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

_NUL = "\x00"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_NOBODY = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_AS_JSON = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
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

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """SQLite's text is read as UTC at once: a fifth of the time of reading it and giving it a zone then."""
        return _moment if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


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


def in_json(value: object) -> str:
    """JSON as SQLite keeps it; what is no number is `null`, for which JSON has no other word.

    What the fast way cannot write (whole numbers of more than 64 bits, halves of surrogates, keys that are numbers) is
    left to the slow one, which refuses the same as ever.
    """
    try:
        return orjson.dumps(value, option=_AS_JSON).decode()
    except TypeError:
        return json.dumps(value)
