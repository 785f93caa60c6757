"""Asking the name service, with a short memory.

A host name comes in; its addresses go out, asked for once however many want them at the same time. Called by the
resolver.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tidemill.errors import Permanent, Transient

Lookup = Callable[[str], Awaitable[Sequence[str]]]

_THREADS = 16
# What the name service says when the name has no address, and not when it could not find out.
_NO_SUCH_HOST = frozenset(
    code
    for code in (getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY"))
    if code is not None
)


class SystemLookup:
    """The operating system's name service, in threads of its own: a slow server must not block other thread work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tidemill-dns")

    async def __call__(self, host: str) -> Sequence[str]:
        """Give the addresses of `host` in the order of the system. Raises what `socket.getaddrinfo` raises."""
        # Without AI_ADDRCONFIG: with it a machine that is offline answers "no such host", which would be final.
        ask = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return tuple(dict.fromkeys(str(info[4][0]) for info in found))

    def close(self) -> None:
        """Let go of the threads; one that still waits for an answer ends with it."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Answer:
    until: float
    addresses: tuple[str, ...]
    fault: Callable[[], Permanent | Transient] | None = None


class LookupCache:
    """Remembers answers for `lifetime_s` and failures for `failure_lifetime_s` seconds; `size` names at the most."""

    def __init__(
        self,
        lookup: Lookup,
        *,
        lifetime_s: float = 30.0,
        failure_lifetime_s: float = 2.0,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lookup = lookup
        self._lifetime_s = lifetime_s
        self._failure_lifetime_s = failure_lifetime_s
        self._size = size
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._asking: dict[str, asyncio.Task[_Answer]] = {}

    async def __call__(self, host: str) -> tuple[str, ...]:
        """Give the addresses of `host`, at least one.

        Raises `Permanent` (`dns_no_such_host`) or `Transient` (`dns`).
        """
        answer = self._answers.get(host)
        if answer is None or answer.until <= self._clock():
            answer = await self._wait_for(self._ask_once(host), host)
        if answer.fault is not None:
            raise answer.fault()
        return answer.addresses

    async def close(self) -> None:
        """Give up what is still being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _wait_for(self, asking: asyncio.Task[_Answer], host: str) -> _Answer:
        try:
            # Shielded: one who gives up must not take the answer away from the others.
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if waiter is not None and waiter.cancelling():
                raise
            raise Transient(f"the client was closed while host {host} was looked up", reason="dns") from None

    def _ask_once(self, host: str) -> asyncio.Task[_Answer]:
        task = self._asking.get(host)
        if task is None:
            task = self._asking[host] = asyncio.create_task(self._ask(host), name=f"dns {host}")
            task.add_done_callback(lambda done: self._asking.pop(host, None))
        return task

    async def _ask(self, host: str) -> _Answer:
        try:
            addresses = tuple(await self._lookup(host))
        except (OSError, UnicodeError) as error:
            answer = self._failed(partial(_fault, host, error))
        else:
            answer = (
                _Answer(self._clock() + self._lifetime_s, addresses)
                if addresses
                else self._failed(partial(_no_such_host, host, "it has no address"))
            )
        if len(self._answers) >= self._size:
            self._answers.clear()
        self._answers[host] = answer
        return answer

    def _failed(self, fault: Callable[[], Permanent | Transient]) -> _Answer:
        return _Answer(self._clock() + self._failure_lifetime_s, (), fault)


def _fault(host: str, error: Exception) -> Permanent | Transient:
    if isinstance(error, UnicodeError) or (isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_HOST):
        return _no_such_host(host, str(error))
    return Transient(f"the name service gave no answer for host {host} ({error}); check the network", reason="dns")


def _no_such_host(host: str, why: str) -> Permanent:
    return Permanent(f"there is no host {host} ({why}); check its spelling", reason="dns_no_such_host")
