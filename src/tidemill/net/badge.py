"""The right to use the proxy, and the account of its use.

A random name and password for each page go to the browser; bytes, requests and refusals come back to who asked for the
page. Handed out by the proxy; read by the crawl's browser.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, field

from tidemill.errors import Forbidden, TidemillError

_MOST_FAULTS = 256


@dataclass(slots=True, eq=False)
class Badge:
    """One holder of the proxy, usually one page.

    `max_bytes` bounds what passes in both directions together. `requests` counts what was asked of the proxy: plain
    requests and tunnels, each of which carries any number of encrypted ones. `received_bytes` come from servers,
    as they are on the wire. `refused` is how often the guard said no. `faults` says
    of a (host, port) why the last attempt to reach it failed.
    """

    private: bool
    max_bytes: int
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    requests: int = 0
    refused: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    exhausted: bool = False
    faults: dict[tuple[str, int], TidemillError] = field(default_factory=dict)

    def opens_for(self, password: str) -> bool:
        """Tell whether this is the password, in constant time."""
        return hmac.compare_digest(self.password.encode(), password.encode("utf-8", "surrogatepass"))

    def note(self, host: str, port: int, error: TidemillError) -> None:
        """Remember why `host` could not be reached."""
        self.refused += isinstance(error, Forbidden)
        if len(self.faults) < _MOST_FAULTS:
            self.faults[host, port] = error


def basic_credential(value: str | None) -> tuple[str, str] | None:
    """Give name and password of a `Proxy-Authorization` header (RFC 7617); None if there are none that make sense."""
    scheme, _, coded = (value or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(coded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    name, colon, password = pair.partition(":")
    return (name, password) if colon else None
