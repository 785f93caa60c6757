"""Passing bytes between a browser and a server, within bounds.

Two open connections come in; everything is passed on until one of them ends, or an error goes out. Called by the
proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tidemill.errors import Permanent, Transient
from tidemill.net.badge import Badge
from tidemill.net.dial import Connection

_CHUNK = 64 * 1024


class Meter:
    """Counts what passes one connection, for its badge and for the proxy; raises when a bound is passed."""

    def __init__(self, badge: Badge, max_bytes: int, total: Callable[[int, int], None]) -> None:
        self._badge = badge
        self._left = max_bytes
        self._total = total

    def add(self, *, received: int = 0, sent: int = 0) -> None:
        """Count some bytes. Raises `Permanent` (`too_large`)."""
        badge = self._badge
        badge.received_bytes += received
        badge.sent_bytes += sent
        self._total(received, sent)
        self._left -= received + sent
        if badge.received_bytes + badge.sent_bytes > badge.max_bytes:
            badge.exhausted = True
            raise Permanent(f"the page moved more than {badge.max_bytes} bytes", reason="too_large")
        if self._left < 0:
            badge.exhausted = True
            raise Permanent("one connection moved more bytes than it may", reason="too_large")


async def relay(
    browser: Connection,
    server: Connection,
    meter: Meter,
    *,
    idle_s: float,
    total_s: float,
    body_bytes: int | None = None,
    opening: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Pass bytes both ways until the server has no more, the browser leaves, or a bound is reached.

    `body_bytes` is how much the browser may send; None is without end (a tunnel). `opening` deals with the start of
    what the server sends, and has `idle_s` for that. Raises `Transient` (`timeout`) after `idle_s` seconds without a
    byte or `total_s` in all, `Permanent` (`too_large`), `OSError`, or what `opening` raises.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + total_s
    try:
        async with asyncio.timeout(min(idle_s, total_s)) as clock:

            def alive() -> None:
                clock.reschedule(min(end, loop.time() + idle_s))

            await _first_of(
                asyncio.create_task(_up(browser[0], server[1], meter, alive, body_bytes)),
                asyncio.create_task(_down(server[0], browser[1], meter, alive, opening)),
            )
    except TimeoutError as error:
        raise Transient(
            f"a connection was silent for {idle_s:g} s, or open for {total_s:g} s", reason="timeout"
        ) from error


async def _first_of(*tasks: asyncio.Task[None]) -> None:
    """Wait until one has ended, end the others, and raise what went wrong."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _up(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    meter: Meter,
    alive: Callable[[], None],
    body_bytes: int | None,
) -> None:
    left = body_bytes
    while left is None or left > 0:
        chunk = await reader.read(_CHUNK if left is None else min(_CHUNK, left))
        if not chunk:
            raise ConnectionAbortedError("the browser left")
        alive()
        meter.add(sent=len(chunk))
        writer.write(chunk)
        await writer.drain()
        if left is not None:
            left -= len(chunk)
    # The body is sent. What is left to learn is that the browser lost interest; more bytes would break the rules.
    more = await reader.read(1)
    raise ConnectionAbortedError("the browser sent more than its request" if more else "the browser left")


async def _down(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    meter: Meter,
    alive: Callable[[], None],
    opening: Callable[[], Awaitable[None]] | None,
) -> None:
    if opening is not None:
        await opening()
    while chunk := await reader.read(_CHUNK):
        alive()
        meter.add(received=len(chunk))
        writer.write(chunk)
        await writer.drain()
