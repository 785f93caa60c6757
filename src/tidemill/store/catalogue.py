"""A connection to PostgreSQL that knows the server's arrays by heart, and parts from it without waiting long.

In: what `asyncpg.connect` takes. Out: a connection like any other. asyncpg asks the server on each connection what
arrays are, kind by kind, in queries that take 10 ms each to plan; but the types that PostgreSQL brings
have the same numbers on every server. Used by `postgres`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from asyncpg import Connection, InterfaceError, PostgresError

_FAREWELL_S = 0.2

_ELEMENTS = {
    199: (114, "json"),
    1000: (16, "bool"),
    1001: (17, "bytea"),
    1005: (21, "int2"),
    1007: (23, "int4"),
    1009: (25, "text"),
    1015: (1043, "varchar"),
    1016: (20, "int8"),
    1021: (700, "float4"),
    1022: (701, "float8"),
    1185: (1184, "timestamptz"),
    1231: (1700, "numeric"),
    2951: (2950, "uuid"),
}
"""By an array's number that of its elements and their name, as `pg_type` has them."""

_NOT_ASKED = SimpleNamespace(name="known")  # the statement whose answer these types would be; its name says: leave it


def _known(oid: int) -> dict[str, Any]:
    """A row of asyncpg's own question."""
    element, name = _ELEMENTS[oid]
    of_others = dict.fromkeys(("basetype", "range_subtype", "attrtypoids", "attrnames"))
    return {
        **of_others,
        "oid": oid,
        "ns": "pg_catalog",
        "name": f"_{name}",
        "kind": b"b",
        "elemtype": element,
        "elemdelim": b",",
        "elemtype_name": name,
    }


class KnowingConnection(Connection):  # type: ignore[misc]  # asyncpg tells no types
    """Asks only for types that it does not know. asyncpg has no public way to be told of any."""

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> Any:
        wanted = set(typeoids)
        if wanted <= _ELEMENTS.keys():
            return [_known(oid) for oid in wanted], _NOT_ASKED
        return await super()._introspect_types(wanted, timeout)

    async def close(self, *, timeout: float | None = None) -> None:
        """Part from the server. One that has fallen silent, or is gone, is not waited for and is no error: what was not
        committed it rolls back."""
        with suppress(TimeoutError, OSError, PostgresError, InterfaceError):
            await super().close(timeout=timeout or _FAREWELL_S)
