"""The web server of the crawl benchmarks: a process of its own, as cheap as Python allows, the same for every crawler.

    python -m benchmarks.server SITE [SITE ...]      (sites as `served.py` names them; started by `serving`)

Each site has a loopback port of its own; they are written to stdout as JSON, one line. A line on stdin is answered with
what was asked since the last one: the requests to each path, when each came, and the bytes sent. End of file ends it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.served import ROBOTS, Site, site_of

ROOT = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Log:
    """What a site was asked since the log was read last. Times are monotonic, and the same in every process."""

    paths: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    not_modified: int = 0
    missing: int = 0
    sent_bytes: int = 0

    def note(self, path: str, answer: bytes) -> None:
        """One request, and what it was answered; robots.txt is no page."""
        self.paths[path] += 1
        if path != ROBOTS:
            self.times.append(time.monotonic())
        status = answer[9:12]
        self.not_modified += status == b"304"
        self.missing += status == b"404"
        self.sent_bytes += len(answer)

    def as_json(self, site: Site) -> dict[str, Any]:
        """The log against what a whole crawl of the site asks for."""
        paths = Counter(self.paths)
        robots = paths.pop(ROBOTS, 0)
        return {
            "requests": sum(paths.values()),
            "robots": robots,
            "missed": sorted(site.expected - paths.keys()),
            "extra": sorted(paths.keys() - site.expected),
            "twice": sorted(path for path, count in paths.items() if count > 1),
            "not_modified": self.not_modified,
            "missing": self.missing,
            "sent_bytes": self.sent_bytes,
            "times": self.times,
        }


@dataclass(slots=True)
class Hosted:
    """A site and the log that is being written."""

    site: Site
    log: Log = field(default_factory=Log)

    def report(self) -> dict[str, Any]:
        """What the log says; a new one is begun."""
        log, self.log = self.log, Log()
        return log.as_json(self.site)


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests without a body, answered in the order in which they come."""

    def __init__(self, hosted: Hosted) -> None:
        self._hosted = hosted
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[: end + 2], self._received[end + 4 :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        path = head.split(b" ", 2)[1].decode("ascii", "replace")
        answer = self._hosted.site.answer(path, _if_none_match(head))
        self._hosted.log.note(path, answer)
        if self._hosted.site.delay_s:
            asyncio.get_running_loop().call_later(self._hosted.site.delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _if_none_match(head: bytes) -> bytes:
    start = head.lower().find(b"\r\nif-none-match:")
    return head[start + 16 : head.find(b"\r\n", start + 2)].strip() if start >= 0 else b""


async def serve(names: Sequence[str]) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    every = {name: Hosted(site_of(name)) for name in names}
    addresses = {}
    for name, hosted in every.items():
        server = await loop.create_server(partial(Connection, hosted), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        hosted.site.served_at(f"http://127.0.0.1:{port}")
        addresses[name] = {"url": f"http://127.0.0.1:{port}{hosted.site.start}", "pages": len(hosted.site.expected)}
    print(json.dumps(addresses), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(every[line.strip()].report()), flush=True)


@dataclass(frozen=True, slots=True)
class Served:
    """The server from outside: where each site is, how many pages it has, and what it was asked."""

    urls: dict[str, str]
    pages: dict[str, int]
    process: subprocess.Popen[str]

    def asked(self, name: str) -> dict[str, Any]:
        """What a site was asked since this was called last (see `Log.as_json`)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


@contextmanager
def serving(*names: str) -> Iterator[Served]:
    """A server process for these sites, ended with the block."""
    command = [sys.executable, "-m", "benchmarks.server", *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            sys.exit("the server of the benchmarks did not start; what it said is above")
        addresses = json.loads(first)
        urls = {name: each["url"] for name, each in addresses.items()}
        try:
            yield Served(urls, {name: each["pages"] for name, each in addresses.items()}, process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
