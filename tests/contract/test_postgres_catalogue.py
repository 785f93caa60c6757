"""What our connections know of PostgreSQL's arrays is what the server says of them, and nobody asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.harness.postgres import need_postgres

from tidemill.store import catalogue
from tidemill.store.catalogue import KnowingConnection

_AT = datetime(2026, 11, 23, tzinfo=UTC)
_VALUES: dict[str, list[Any]] = {
    "json": ['{"a": 1}', None],
    "bool": [True, None, False],
    "bytea": [b"\0\xff", b""],
    "int2": [-1, 2],
    "int4": [-(2**31), 7],
    "text": ["ü", "{},\"'", None],
    "varchar": ["x", ""],
    "int8": [2**62],
    "float4": [0.5],
    "float8": [0.1, None],
    "timestamptz": [_AT],
    "numeric": [Decimal("1.50")],
    "uuid": [UUID(int=5), None],
}


@pytest.fixture
async def connection() -> AsyncIterator[KnowingConnection]:
    server = need_postgres()
    connection = await asyncpg.connect(server.url, connection_class=KnowingConnection)
    yield connection
    await connection.close()


async def test_what_is_known_is_what_the_server_says(connection: KnowingConnection) -> None:
    said, _ = await asyncpg.Connection._introspect_types(connection, list(catalogue._ELEMENTS), None)
    of_server = {row["oid"]: row for row in said if row["oid"] in catalogue._ELEMENTS}
    for oid in catalogue._ELEMENTS:
        known = catalogue._known(oid)
        told = ("oid", "ns", "name", "kind", "basetype", "elemtype", "elemdelim", "range_subtype", "attrtypoids")
        assert {key: known[key] for key in told} == {key: of_server[oid][key] for key in told}


@pytest.mark.parametrize("name", sorted(_VALUES))
async def test_arrays_go_there_and_back_without_a_question(
    connection: KnowingConnection, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*_: object) -> None:
        raise AssertionError("the server was asked for a type")

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", asked)
    assert await connection.fetchval(f"SELECT $1::{name}[]", _VALUES[name]) == _VALUES[name]


async def test_types_that_are_not_known_are_asked_for(connection: KnowingConnection) -> None:
    assert await connection.fetchval("SELECT ARRAY['a', 'b']::name[]") == ["a", "b"]
    await connection.execute("CREATE TEMP TABLE boxes (a int4, b text[])")
    assert (await connection.fetchval("SELECT ROW(1, ARRAY['x'])::boxes"))["b"] == ["x"]


def test_every_known_array_is_tried() -> None:
    assert {name for _, name in catalogue._ELEMENTS.values()} == set(_VALUES)
