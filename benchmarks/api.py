"""How many searches the API answers in a second: with key, limits and security headers, two workers, 10 KB an answer.

Ours, and the same with FastAPI's means (`api_peer`), turn about; then the same questions over and over, which are kept.
The load comes from this process, on the same cores.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit

import psutil
import uvloop

from benchmarks.measure import arguments
from benchmarks.search_data import articles, many

KEY = "a-key-of-the-benchmark-of-the-api"
DOCUMENTS, SENTENCES, LIMIT = 3000, 16, 11
MOST_QUESTIONS = 30_000
CONNECTIONS, SECONDS, WARM_S, ROUNDS, WORKERS = 32, 6.0, 1.5, 2, 2
PATH = "/api/v1/search?q={}&limit={}"
_WORD = re.compile(r"[a-z]{4,}")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Tally:
    """What came back."""

    times_s: list[float] = field(default_factory=list)
    errors: int = 0
    bytes: int = 0

    def told(self, seconds: float, cpu_s: float) -> str:
        ordered = sorted(self.times_s)
        p50, p95, p99 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.95, 0.99))
        number = len(ordered)
        return (
            f"{number / seconds:7.0f} req/s  p50 {p50:6.1f}  p95 {p95:6.1f}  p99 {p99:6.1f} ms  {self.errors} errors"
            f"  {self.bytes / number / 1000:.1f} KB  server {cpu_s / number * 1000:.3f} CPU-ms each"
        )


class Asking(asyncio.Protocol):
    """One connection: the next question as soon as the last is answered."""

    def __init__(self, next_path: Callable[[], str], host: str, tally: Tally) -> None:
        self._next_path = next_path
        self._tail = f" HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {KEY}\r\nAccept: application/json\r\n\r\n".encode()
        self.tally = tally
        self._got = bytearray()
        self._size = -1
        self._asked_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._got += data
        if self._size < 0:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(self._got, 0, end)
            self._size = end + 4 + int(found[1] if found else 0)
        if len(self._got) >= self._size:
            self.tally.times_s.append(time.perf_counter() - self._asked_at)
            self.tally.errors += not self._got.startswith(b"HTTP/1.1 200")
            self.tally.bytes += self._size
            self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        self._got.clear()
        self._size = -1
        self._asked_at = time.perf_counter()
        self._transport.write(b"GET " + self._next_path().encode() + self._tail)


def vocabulary() -> list[str]:
    """Words of the documents."""
    found = {word for _, sentences in articles(None) for each in sentences for word in _WORD.findall(each.lower())}
    return sorted(found)


def documents() -> Iterator[str]:
    """Lines to import: sentences of real words, about 250 in each document."""
    for made in many(articles(None), DOCUMENTS, sentences=SENTENCES):
        yield json.dumps({"url": made.url, "title": made.draft.title, "content": made.draft.content})


def questions() -> Callable[[], str]:
    """Another question of three words each time; made before, since the load comes from the same cores."""
    choice, words = random.Random(time.time()), vocabulary()
    return iter([PATH.format(quote(" ".join(choice.sample(words, 3))), LIMIT) for _ in range(MOST_QUESTIONS)]).__next__


def repeated() -> Callable[[], str]:
    """Twenty questions over and over."""
    choice, words = random.Random("repeated"), vocabulary()
    paths = [PATH.format(quote(" ".join(choice.sample(words, 3))), LIMIT) for _ in range(20)]
    return lambda: random.choice(paths)


async def load(base_url: str, next_path: Callable[[], str], seconds: float) -> Tally:
    """Ask for so long on all connections."""
    parts, tally, loop = urlsplit(base_url), Tally(), asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Asking(next_path, parts.netloc, tally), parts.hostname, parts.port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(seconds)
    for transport, asking in made:
        asking.tally = Tally()  # what is under way is not counted
        transport.abort()
    return tally


def measured(name: str, base_url: str, process_ids: list[int], next_path: Callable[[], str]) -> float:
    """Say what came of it; requests a second."""
    uvloop.run(load(base_url, next_path, WARM_S))
    before, began = _cpu_s(process_ids), time.perf_counter()
    tally = uvloop.run(load(base_url, next_path, SECONDS))
    seconds = time.perf_counter() - began
    print(f"  {name:26} {tally.told(seconds, _cpu_s(process_ids) - before)}", flush=True)
    return len(tally.times_s) / seconds


def _cpu_s(process_ids: list[int]) -> float:
    return sum(sum(psutil.Process(each).cpu_times()[:2]) for each in process_ids)


@contextmanager
def ours(settings: list[str]) -> Iterator[tuple[str, list[int]]]:
    """`tidemill serve` with two workers."""
    given = [part for each in settings for part in ("--set", each)]
    command = [sys.executable, "-m", "tidemill", *given, "serve", "--port", "0", "--workers", str(WORKERS)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        url = next(line.split()[1] for line in process.stderr if line.startswith("serving "))
        time.sleep(3)
        yield url, [each.pid for each in psutil.Process(process.pid).children()]
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def peers(settings: list[str]) -> Iterator[tuple[str, list[int]]]:
    """As many workers of the peer."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        listener.setblocking(False)
        descriptor = listener.fileno()
        command = [sys.executable, "-m", "benchmarks.api_peer", str(descriptor), *settings]
        workers = [
            subprocess.Popen(command, pass_fds=[descriptor], stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)
        ]
        try:
            urls = [each.stdout.readline().strip() for each in workers if each.stdout is not None]
            yield urls[0], [each.pid for each in workers]
        finally:
            for each in workers:
                each.terminate()
                each.wait(30)


def main() -> None:
    """Import, then measure in turns."""
    rounds = int(next(iter(arguments()), ROUNDS))
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(Path(folder))
        print(f"{CONNECTIONS} connections, {WORKERS} workers, key, limits and headers on", flush=True)
        rates: dict[str, list[float]] = {"ours": [], "peer": [], "kept": []}
        for _ in range(rounds):
            with ours(settings) as (url, process_ids):
                rates["ours"].append(measured("tidemill", url, process_ids, questions()))
                rates["kept"].append(measured("tidemill, repeated", url, process_ids, repeated()))
            with peers(settings) as (url, process_ids):
                rates["peer"].append(measured("response_model + 2 layers", url, process_ids, questions()))
        our, kept, peer = (statistics.median(rates[name]) for name in ("ours", "kept", "peer"))
        print(
            f"  medians: {our:.0f} req/s, {our / peer:.2f} x the peer; repeated {kept:.0f} req/s ({kept / our:.1f} x)"
        )


def _settings(folder: Path) -> list[str]:
    lines = folder / "documents.jsonl"
    lines.write_text("\n".join(documents()))
    own = [f"data_dir={folder / 'data'}", "logging.level=WARNING", "process.workers=2"]
    command = [sys.executable, "-m", "tidemill", *(part for each in own for part in ("--set", each))]
    subprocess.run([*command, "import", str(lines)], check=True, capture_output=True)
    numbers = [f"limits.{name}=10000000" for name in ("address", "requests", "user", "search")]
    return [*own, *numbers, "auth.loopback_role=none", f"api.keys={KEY}"]


if __name__ == "__main__":
    main()
