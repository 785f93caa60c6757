"""Which IP addresses strangers' URLs may lead to.

An address comes in; nothing goes out, or `Forbidden` with the reason `private_address`. Called by the guard for hosts
written as addresses and by the resolver for every address of a name.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from tidemill.errors import Forbidden

Address = IPv4Address | IPv6Address

# The tables are written out, because `is_global` changes between patch releases of Python. They follow the IANA
# special-purpose registries (RFC 6890 and successors).
_V4_REFUSED = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "unspecified: it means this machine"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared behind carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata service"),
        ("169.254.0.0/16", "link-local, where clouds serve metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6_REFUSED = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("::/128", "unspecified: it means this machine"),
        ("::1/128", "loopback"),
        # RFC 8215: where the IPv4 address sits in it is the operator's choice, so it cannot be unwrapped.
        ("64:ff9b:1::/48", "a NAT64 prefix for local use"),
        ("100::/64", "a black hole"),
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "for segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
# Networks whose last 32 bits are an IPv4 address: compatible, mapped, translated (RFC 2765), NAT64 (RFC 6052).
_V4_INSIDE = tuple(IPv6Network(network) for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
_TEREDO = IPv6Network("2001::/32")
_PROTOCOLS = IPv6Network("2001::/23")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_LOW_32 = 0xFFFF_FFFF


REMEDY = "allow it with net.allow_hosts, or all such addresses with net.allow_private (--allow-private for one crawl)"


def check_address(address: str | Address) -> None:
    """Pass if `address` is a public unicast one.

    Raises `Forbidden` (reason `private_address`) otherwise, also for what is no IP address at all.
    """
    why = why_refused(address)
    if why is not None:
        raise Forbidden(
            f"{address} is {why}; {REMEDY}",
            reason="private_address",
        )


def why_refused(address: str | Address) -> str | None:
    """Say in words what is wrong with `address`; None if it is public. Never raises."""
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return "not an IP address"
    return _why_v4(address) if isinstance(address, IPv4Address) else _why_v6(address)


def _why_v4(address: IPv4Address) -> str | None:
    for network, why in _V4_REFUSED:
        if address in network:
            return why
    return None if address.is_global else "not globally reachable"


def _why_v6(address: IPv6Address) -> str | None:
    for network, why in _V6_REFUSED:
        if address in network:
            return why
    inside = _v4_inside(address)
    for inner in inside:
        why_inner = _why_v4(inner)
        if why_inner is not None:
            return f"an IPv6 form of {inner}, which is {why_inner}"
    if inside:
        return None
    # Only 2000::/3 is handed out as global unicast; whatever lies elsewhere is nobody's public web server.
    if address in _PROTOCOLS or address not in _GLOBAL_UNICAST or not address.is_global:
        return "not globally reachable"
    return None


def _v4_inside(address: IPv6Address) -> tuple[IPv4Address, ...]:
    number = int(address)
    if any(address in network for network in _V4_INSIDE):
        return (IPv4Address(number & _LOW_32),)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(number >> 80 & _LOW_32),)
    if address in _TEREDO:  # the server, and the client with its bits inverted (RFC 4380)
        return IPv4Address(number >> 64 & _LOW_32), IPv4Address(~number & _LOW_32)
    return ()
