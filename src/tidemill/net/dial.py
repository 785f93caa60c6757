"""Opening a connection to where a URL leads, and to nowhere else.

A URL that has passed the guard comes in; a connection to one of its checked addresses goes out. Called by the proxy;
the client does the same inside its connector.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from yarl import URL

from tidemill.errors import Transient
from tidemill.net.guard import Guard
from tidemill.net.hosts import is_address
from tidemill.net.resolver import Addresses, PinnedResolver

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_NEXT_ADDRESS_S = 3.0  # a dead address of several must not take all the time there is


class Dialer:
    """Opens connections within `connect_timeout_s` seconds, look-up included; `max_line` bounds a line, in bytes."""

    def __init__(self, guard: Guard, addresses: Addresses, *, connect_timeout_s: float, max_line: int) -> None:
        self._guard = guard
        self._addresses = addresses
        self._timeout_s = connect_timeout_s
        self._max_line = max_line

    async def connect(self, url: URL, *, private: bool) -> Connection:
        """Connect to the host and port of `url`.

        Raises `Forbidden` (`private_address`), `Permanent` (`dns_no_such_host`) or `Transient` (`dns`, `connect`,
        `timeout`).
        """
        host, port = url.raw_host or "", url.port or 0
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._try_all(await self._resolve(host, port, private), host, port)
        except TimeoutError as error:
            raise Transient(
                f"{host}:{port}: no connection within {self._timeout_s:g} s (net.connect_timeout_s)", reason="timeout"
            ) from error

    async def _resolve(self, host: str, port: int, private: bool) -> Sequence[str]:
        if is_address(host):  # the guard has seen it already
            return (host,)
        resolver = PinnedResolver(self._guard, self._addresses, private=private)
        return [found["host"] for found in await resolver.resolve(host, port)]

    async def _try_all(self, addresses: Sequence[str], host: str, port: int) -> Connection:
        problem: Exception | None = None
        for position, address in enumerate(addresses, 1):
            patience = None if position == len(addresses) else _NEXT_ADDRESS_S
            try:
                async with asyncio.timeout(patience):
                    return await self._open(address, port)
            except (OSError, TimeoutError) as error:
                if isinstance(error, TimeoutError) and patience is None:
                    raise
                problem = error
        raise Transient(
            f"{host}:{port}: no connection ({problem}); is a server listening?", reason="connect"
        ) from problem

    async def _open(self, address: str, port: int) -> Connection:
        reader, writer = await asyncio.open_connection(
            address, port, limit=self._max_line, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
        return reader, writer
