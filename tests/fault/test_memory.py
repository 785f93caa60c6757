"""Row 23: processes that may not have much memory meet pages that want all of it: five gigabytes, ten that come packed
as ten megabytes, a million nested elements. Each page ends for its own reason, and no process is killed.

Bounded by RLIMIT_DATA, which counts what a process may write to: a cgroup of its own would have to be made inside of
the one that the test runs in, which is not the test's to change.
"""

from __future__ import annotations

import resource
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.harness.books import Books
from tests.harness.command import Running, Tidemill
from tests.harness.wire import HTML, Exchange, Wire, html, wire

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(240)]
MB = 1024 * 1024
LIMIT = 700 * MB
"""Of each process: what an idle one has, and no more than a few hundred megabytes beyond."""

GOOD = [f"/good-{number}" for number in range(20)]


@pytest.fixture(scope="module")
def packed(request: pytest.FixtureRequest) -> bytes:
    """Ten gigabytes of nothing, in ten megabytes; in the short form a tenth of that."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(16 * MB)
    pieces = 640 if request.config.getoption("--long") else 64
    return b"".join(packer.compress(piece) for _ in range(pieces)) + packer.flush()


@pytest.fixture
def bombs(packed: bytes) -> Iterator[Wire]:
    async def answer(exchange: Exchange) -> None:
        match exchange.path:
            case "/":
                await exchange.page(html("Door", ["/huge", "/packed", "/deep", *GOOD]))
            case "/huge":
                head = f"HTTP/1.1 200 OK\r\n{HTML}\r\nContent-Length: {5 * 1024 * MB}\r\n\r\n".encode()
                await exchange.send(head)
                while True:
                    await exchange.send(b"<p>and on and on</p>" * 4096)
            case "/packed":
                await exchange.page(packed, "Content-Type: text/html", "Content-Encoding: gzip")
            case "/deep":
                await exchange.page(b"<html><body>" + b"<div>" * 1_000_000 + b"<p>at last")
            case path if path in GOOD:
                await exchange.page(html(f"Page {path}"))
            case _:
                await exchange.missing()

    with wire(answer) as server:
        yield server


def bounded(running: Running) -> None:
    """From now on neither the process nor those it starts have more."""
    resource.prlimit(running.pid, resource.RLIMIT_DATA, (LIMIT, LIMIT))


def test_bombs_meet_processes_with_little_memory(bombs: Wire, tmp_path: Path) -> None:
    house = Tidemill(tmp_path / "data", "process.memory_mb=256", "process.workers=1", "net.total_timeout_s=20")
    peak = 0
    with house.start("crawl", bombs.url("/"), "--allow-private", "--json") as running:
        bounded(running)
        began = time.monotonic()
        while running.alive and time.monotonic() - began < 120:
            peak = max(peak, _largest(running.pid))
            time.sleep(0.05)
        done = running.wait(5).expect(0)
    assert "Traceback" not in done.stderr, done
    ends = {entry["url"].removeprefix(bombs.url("")): (entry["outcome"], entry["reason"]) for entry in house.ledger()}
    assert ends["/huge"] == ("failed", "too_large")
    assert ends["/packed"][1] in ("inflation", "too_large")
    assert ends["/deep"][0] != "dead", "cutting it short costs less than dying of it"
    assert {path: ends[path] for path in GOOD} == dict.fromkeys(GOOD, ("stored", None))
    assert peak < LIMIT
    assert Books(house.data_dir).count("dead_letters") == 0


def _largest(pid: int) -> int:
    """The most that one process of the family has resident."""
    sizes = [0]
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            sizes.append(each.memory_info().rss)
    except psutil.NoSuchProcess:
        pass
    return max(sizes)
