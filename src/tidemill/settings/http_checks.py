"""What is wrong with the settings of what stands around the API: networks, origins and names of hosts.

Called by `checks.py`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from tidemill.settings.problems import Problem
from tidemill.settings.tree import HttpSettings

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?\Z")
_HOST = re.compile(r"(\*\.)?[a-z0-9._-]+\Z|\[?[0-9a-f:.]+\]?\Z")


def check_http(http: HttpSettings) -> Iterator[Problem]:
    """Every problem of the group."""
    for each in http.trusted_proxies:
        if not _is_network(each):
            yield Problem("http.trusted_proxies", f"{each!r} is no network", "write it like 10.0.0.0/8 or 192.0.2.7")
    for each in http.cors_origins:
        if each != "*" and not _ORIGIN.match(each):
            yield Problem("http.cors_origins", f"{each!r} is no origin", "write it like https://app.example.org")
    for each in http.hosts:
        if not _HOST.match(each):
            yield Problem(
                "http.hosts", f"{each!r} is no name", "write it in small letters, without port, like search.example.org"
            )


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
