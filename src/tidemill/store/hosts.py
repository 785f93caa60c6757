"""Hosts: what politeness must remember of a site between processes: its next free slot and its robots.txt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store.engine import Store, insert
from tidemill.store.tables import hosts


@dataclass(frozen=True, slots=True)
class RobotsRecord:
    """A robots.txt as it was last seen: `status` is `rules`, `allow_all` (4xx) or `deny_all` (5xx, timeout)."""

    status: str
    text: str
    expires_at: datetime


async def robots(store: Store, origin: str) -> RobotsRecord | None:
    """What is remembered of an origin's robots.txt, expired or not; `None` if nothing is."""
    columns = (hosts.c.robots_status, hosts.c.robots, hosts.c.robots_expires_at)
    async with store.read() as connection:
        row = (await connection.execute(select(*columns).where(hosts.c.origin == origin))).one_or_none()
    if row is None or row.robots_status is None:
        return None
    return RobotsRecord(status=row.robots_status, text=row.robots or "", expires_at=row.robots_expires_at)


async def remember_robots(store: Store, origin: str, record: RobotsRecord) -> None:
    """Keep what an origin's robots.txt says."""
    values = {"robots_status": record.status, "robots": record.text, "robots_expires_at": record.expires_at}
    statement = insert(hosts).values(origin=origin, **values)
    async with store.write() as connection:
        await connection.execute(statement.on_conflict_do_update(index_elements=["origin"], set_=values))


async def slots(connection: AsyncConnection, names: list[str]) -> dict[str, datetime]:
    """The next free slot of each host that has one."""
    statement = select(hosts.c.origin, hosts.c.next_slot_at).where(
        hosts.c.origin.in_(names), hosts.c.next_slot_at.is_not(None)
    )
    return {row.origin: row.next_slot_at for row in await connection.execute(statement)}


async def busy_until(connection: AsyncConnection, horizon: datetime) -> list[str]:
    """The hosts whose next free slot lies behind `horizon`."""
    statement = select(hosts.c.origin).where(hosts.c.next_slot_at > horizon)
    return list((await connection.execute(statement)).scalars())


async def take_slots(connection: AsyncConnection, slots_by_host: Mapping[str, datetime]) -> None:
    """Move the next free slot of each host."""
    if not slots_by_host:
        return
    statement = insert(hosts)
    statement = statement.on_conflict_do_update(
        index_elements=["origin"], set_={"next_slot_at": statement.excluded.next_slot_at}
    )
    rows = [{"origin": host, "next_slot_at": at} for host, at in slots_by_host.items()]
    await connection.execute(statement, rows)
