"""Somebody who listens at every address of this machine and must never be called.

`with canary() as bird:` listens on a free port, or on those given; `bird.calls` says who came to which address.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

_EVERYWHERE = ("::",)
_LOOK_S = 0.05


@dataclass
class Canary:
    """The ports, and the address and port at which each connection arrived."""

    ports: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.ports[0]

    def note(self, listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            host, port = connection.getsockname()[:2]
            self.calls.append(f"{host.removeprefix('::ffff:')} {port}")


@contextmanager
def canary(ports: Sequence[int] = (0,), addresses: Sequence[str] = _EVERYWHERE) -> Iterator[Canary]:
    """Listen on these ports of these addresses, by default all of IPv4 and IPv6, until the block ends."""
    bird, done = Canary(), threading.Event()
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for address in addresses:
            for port in ports:
                listening = stack.enter_context(_listen(address, port))
                bird.ports.append(listening.getsockname()[1])
                selector.register(listening, selectors.EVENT_READ)
        thread = threading.Thread(target=_watch, args=(bird, selector, done), name="canary")
        thread.start()
        try:
            yield bird
        finally:
            done.set()
            thread.join()


def _listen(address: str, port: int) -> socket.socket:
    if ":" not in address:
        return socket.create_server((address, port), backlog=128)
    both = address == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((address, port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=both)


def _watch(bird: Canary, selector: selectors.BaseSelector, done: threading.Event) -> None:
    """Accept until the end is near and nobody waits any more."""
    while True:
        over = done.is_set()
        ready = selector.select(0 if over else _LOOK_S)
        for key, _ in ready:
            assert isinstance(key.fileobj, socket.socket)
            bird.note(key.fileobj)
        if over and not ready:
            return
