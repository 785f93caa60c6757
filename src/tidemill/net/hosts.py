"""One spelling for every host of a URL.

The host part as written comes in; an ASCII name or a plain IP address goes out, so that what is checked is what the
operating system would connect to. Called by the guard.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv6Address

from yarl import URL

from tidemill.errors import Permanent

_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z")
_LONGEST_NAME = 253


def normal_host(host: str) -> str:
    """Give the one spelling of `host`: a lower-case ASCII name, dotted IPv4, or compressed IPv6 without brackets.

    Names are mapped by UTS 46, and then whatever ends in a number is an IPv4 address in one of the spellings of
    `inet_aton` (decimal, octal, hexadecimal, fewer than four parts), as in the URL standard of WHATWG.
    Raises `Permanent` (reason `bad_url`) if it is neither a name nor an address.
    """
    if ":" in host:
        return _ipv6(host)
    name = (host if host.isascii() else _to_ascii(host)).lower().removesuffix(".")
    if len(name) > _LONGEST_NAME or not _NAME.match(name):
        raise _bad(host, "is neither a host name nor an IP address")
    if _NUMBER.match(name.rpartition(".")[2]):
        return _ipv4(name)
    return name


def is_address(host: str) -> bool:
    """Tell whether a host out of `normal_host` is an address and not a name."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def is_local_name(host: str) -> bool:
    """Tell whether a host out of `normal_host` is a name that means this machine everywhere (RFC 6761, section 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def authority(host: str, port: int | None) -> str:
    """Write a host out of `normal_host` and an explicit port the way they stand in a URL."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _to_ascii(host: str) -> str:
    try:
        return URL.build(scheme="http", host=host).raw_host or ""
    except ValueError as error:  # UnicodeError is one
        raise _bad(host, f"cannot be written as an international host name ({error})") from error


def _ipv4(name: str) -> str:
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError as error:
        raise _bad(name, "ends in a number and is not an IPv4 address") from error


def _ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError as error:
        raise _bad(host, "is not an IPv6 address") from error
    if address.scope_id is not None:
        raise _bad(host, "names an interface of this machine")
    return address.compressed


def _bad(host: str, what: str) -> Permanent:
    return Permanent(f"host {host[:_LONGEST_NAME]!r} {what}; correct the URL", reason="bad_url")
