"""Whose request it is when proxies stand before us: the address of the last one that no trusted proxy vouches for.

In: the other end of the connection, and the header that trusted proxies write. Out: `client_address` in the state of
the request, which limits, the throttling of logins and the audit log use; and the scheme that the client used. A
stranger may write whatever he likes into the header: it is read from the right, only as far as proxies are trusted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.http.scopes import state

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_HOPS = 32
_LONGEST = 4096
_FOR = re.compile(r'(?:\A|;)\s*for\s*=\s*("[^"]*"|[^;,\s]*)', re.IGNORECASE)
_PROTO = re.compile(r'(?:\A|;)\s*proto\s*=\s*"?(https?)"?\s*(?:;|\Z)', re.IGNORECASE)


class ClientAddress:
    """`trusted` are addresses and networks; `header` is the one that these proxies write."""

    def __init__(self, app: ASGIApp, trusted: Sequence[str], header: str) -> None:
        self._app = app
        self._trusted = tuple(ipaddress.ip_network(each, strict=False) for each in trusted)
        self._header = header.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket; anything else is passed on as it is."""
        if scope["type"] in ("http", "websocket"):
            client = scope.get("client")
            peer = parsed_address(str(client[0])) if client else None
            if peer is not None:
                found = self._behind(peer, scope) if self._trusted else peer
                state(scope)["client_address"] = str(found)
        await self._app(scope, receive, send)

    def _behind(self, peer: Address, scope: Scope) -> Address:
        """The first address, from the right, that is no trusted proxy's; the last trusted one if that is unreadable."""
        if not self._is_trusted(peer):
            return peer
        self._take_scheme(scope)
        found = peer
        for text in self._hops(scope):
            address = parsed_address(text)
            if address is None:
                break
            found = address
            if not self._is_trusted(address):
                break
        return found

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted if network.version == address.version)

    def _hops(self, scope: Scope) -> Iterator[str]:
        """What the header says, the nearest hop first."""
        elements = _listed(scope, self._header)
        if self._header == b"x-forwarded-for":
            return iter(elements)
        return (found[1].strip('"') if (found := _FOR.search(each)) else "" for each in elements)

    def _take_scheme(self, scope: Scope) -> None:
        """`https` if the nearest proxy says that the client came by it."""
        if self._header == b"x-forwarded-for":
            said = next(iter(_listed(scope, b"x-forwarded-proto")), "").lower()
        else:
            found = _PROTO.search(next(iter(_listed(scope, self._header)), ""))
            said = found[1].lower() if found else ""
        if said in ("http", "https"):
            scope["scheme"] = said if scope["type"] == "http" else {"http": "ws", "https": "wss"}[said]


def parsed_address(text: str) -> Address | None:
    """An address, with or without port and brackets; IPv4 written as IPv6 (`::ffff:192.0.2.1`) is IPv4."""
    return _parsed(text.strip()) if len(text) <= 64 else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=4096)
def network_of(text: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 of an IPv6 address, which one subscriber has whole."""
    address = parsed_address(text)
    if address is None:
        return "unknown"
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def _listed(scope: Scope, name: bytes) -> list[str]:
    """The elements of all headers of that name, the last first, and no more of them than anybody needs."""
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    text = ",".join(values)[-_LONGEST:]
    return [each.strip() for each in reversed(text.split(",")[-_MOST_HOPS:])]
