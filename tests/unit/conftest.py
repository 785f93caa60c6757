"""What unit tests share: they open no connection and listen nowhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _no_sockets() -> Iterator[None]:
    """Refuses every connection of a module's tests; the socket pair inside an event loop is not touched by this."""

    def refuse(self: socket.socket, *_: object) -> None:
        raise AssertionError("a unit test reached for the network; such a test belongs to contract/, flow/ or fault/")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "bind"):
            patch.setattr(socket.socket, name, refuse)
        yield
