"""A wire that can be broken: a TCP proxy in a thread beside the test, between our processes and a real server.

`with fault_proxy(port) as proxy:` listens on `proxy.port`. What it does to the bytes is changed while it runs: cut,
partition, silence, latency, a byte a second, RST in the midst of an answer. `heal` ends it all. Only what the kernel
does by itself is beyond it: a connection that is opened into a silent proxy is accepted, and then hears nothing.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.harness.beside import PATIENCE_S, beside

_CHUNK = 65_536
_RESET = b"\x01\0\0\0\0\0\0\0"  # struct linger: on, no seconds


@dataclass(slots=True)
class Weather:
    """What becomes of the bytes. Latency is that of each answer; `reset_after` counts an answer's bytes."""

    latency_s: float = 0.0
    bytes_per_s: float | None = None
    reset_after: int | None = None
    is_partitioned: bool = False
    is_mute: bool = False
    refuses: bool = False


@dataclass(slots=True, eq=False)
class _Link:
    """One client's connection and ours to the server. One that is lost hears nothing more, whatever the weather."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    is_lost: bool = False

    def reset(self) -> None:
        """RST to both sides."""
        for writer in (self.near, self.far):
            with suppress(OSError, AttributeError):
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


@dataclass
class FaultProxy:
    """A running proxy. Its methods may be called from the thread of the test; they return when they are in force."""

    server: tuple[str, int]
    port: int
    loop: asyncio.AbstractEventLoop
    weather: Weather = field(default_factory=Weather)
    accepted: int = 0
    _links: set[_Link] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def open_connections(self) -> int:
        return len(self._links)

    def cut(self) -> None:
        """The server's machine is there and nobody listens: RST for every connection, new ones too."""
        self._set(Weather(refuses=True), reset=True)

    def reset_all(self) -> None:
        """RST for every connection that is open; new ones are fine."""
        self._set(self.weather, reset=True)

    def partition(self) -> None:
        """Nothing passes and nobody is told; what is sent meanwhile arrives after `heal`, as TCP has it."""
        self._set(Weather(is_partitioned=True))

    def mute(self) -> None:
        """What is asked arrives, and nothing that is answered."""
        self._set(Weather(is_mute=True))

    def silence(self) -> None:
        """Every connection that is open is half open from now on: no byte, no FIN, no RST, not even after `heal`."""
        self._set(self.weather, lose=True)

    def slow(self, latency_s: float) -> None:
        """Every answer takes so much longer."""
        self._set(Weather(latency_s=latency_s))

    def trickle(self, bytes_per_s: float = 1.0) -> None:
        """Answers come in so many bytes a second."""
        self._set(Weather(bytes_per_s=bytes_per_s))

    def reset_mid_answer(self, after: int = 20) -> None:
        """RST when so many bytes of answers have passed, on each connection."""
        self._set(Weather(reset_after=after))

    def heal(self) -> None:
        """As if nothing had been."""
        self._set(Weather())

    def _set(self, weather: Weather, *, reset: bool = False, lose: bool = False) -> None:
        def change() -> None:
            self.weather = weather
            for link in tuple(self._links):
                link.is_lost |= lose
                if reset:
                    link.reset()
            self._change.set()
            self._change = asyncio.Event()

        self._call(change)

    def _call(self, action: Callable[[], None]) -> None:
        done = threading.Event()

        def acting() -> None:
            action()
            done.set()

        self.loop.call_soon_threadsafe(acting)
        assert done.wait(PATIENCE_S), "the proxy does not turn"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather.refuses:
            _Link(writer, writer).reset()
            return
        await self._passable(None)
        far_reader, far = await asyncio.open_connection(*self.server)
        link = _Link(writer, far)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link, reader, far, is_answer=False))
                group.create_task(self._pump(link, far_reader, writer, is_answer=True))
        except* OSError:
            link.reset()  # one side is gone
        finally:
            self._links.discard(link)
            far.transport.abort()

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        passed = 0
        while True:
            data = await reader.read(_CHUNK)
            await self._passable(link, is_answer=is_answer)
            if not data:
                with suppress(OSError):
                    writer.write_eof()
                return
            if not is_answer:
                await _send(writer, data)
                continue
            most = self.weather.reset_after
            if most is not None and passed + len(data) > most:
                await _send(writer, data[: max(0, most - passed)])
                link.reset()
                return
            passed += len(data)
            await self._answer(link, writer, data)

    async def _answer(self, link: _Link, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.weather.latency_s:
            await self._until_change(self.weather.latency_s)
        while data and self.weather.bytes_per_s is not None:
            await _send(writer, data[:1])
            data = data[1:]
            await self._until_change(1 / self.weather.bytes_per_s)
            await self._passable(link)
        await _send(writer, data)

    async def _passable(self, link: _Link | None, *, is_answer: bool = False) -> None:
        """Until bytes may pass; for ever if the connection is lost."""
        while self._is_held(is_answer) or (link is not None and link.is_lost):
            await self._change.wait()

    def _is_held(self, is_answer: bool) -> bool:
        return self.weather.is_partitioned or (is_answer and self.weather.is_mute)

    async def _until_change(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._change.wait(), seconds)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    if data:
        writer.write(data)
        await writer.drain()


@contextmanager
def fault_proxy(port: int, host: str = "127.0.0.1") -> Iterator[FaultProxy]:
    """Stand before the server at `port`, which need not be there yet, until the block ends."""
    loop = asyncio.new_event_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = FaultProxy((host, port), listener.getsockname()[1], loop)
        with beside("fault proxy", loop, [listener], proxy.serve, proxy._tasks):
            yield proxy
