"""Names to addresses, once, checked, and no second time.

A host name comes in; the addresses that the connector then connects to go out. Because the connector is given these
very addresses, a name server that changes its answer between check and connection gains nothing (DNS rebinding).
Called by aiohttp's connector whenever it opens a connection to a name.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

from tidemill.errors import Forbidden
from tidemill.net.address import why_refused
from tidemill.net.guard import Guard
from tidemill.net.hosts import normal_host

Addresses = Callable[[str], Awaitable[Sequence[str]]]


class PinnedResolver(AbstractResolver):
    """The resolver of one connector.

    A name with any private address among its addresses is refused as a whole. Leaving out the private ones instead
    would let a stranger decide by his answer which of two machines is asked, and would hide the attempt.
    """

    def __init__(self, guard: Guard, addresses: Addresses, *, private: bool) -> None:
        self._guard = guard
        self._addresses = addresses
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give the checked addresses of `host`, in the order of the name service.

        Raises `Forbidden` (`private_address`), `Permanent` (`dns_no_such_host`) or `Transient` (`dns`).
        """
        addresses = await self._addresses(host)
        if not (self._private or self._guard.is_exempt(normal_host(host), port)):
            _check_all(host, port, addresses)
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        """Nothing is held here."""


def _check_all(host: str, port: int, addresses: Sequence[str]) -> None:
    for address in addresses:
        why = why_refused(address)
        if why is not None:
            raise Forbidden(
                f"host {host} is refused: one of its addresses, {address}, is {why}; "
                f"allow it with net.allow_hosts: [{host}:{port}] or with net.allow_private",
                reason="private_address",
            )


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST
    )
