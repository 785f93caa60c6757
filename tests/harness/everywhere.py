"""A world in which every address is this machine, for a command that runs inside of it.

`python -m tests.harness.everywhere SCENARIO FOLDER` is for `unshare`, as root. It makes all of
IPv4 and IPv6 local, becomes its own name service, runs a scenario, and writes what it saw as JSON on stdout. `world`
does all of that for a test.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.harness.books import Books
from tests.harness.canary import canary
from tests.harness.command import ROOT, Tidemill, clean_environment
from tests.harness.entries import settled_ledger
from tests.harness.forbidden import Lures, hosts
from tests.harness.reports import Entry
from tests.harness.wire import Exchange, Wire, html, wire

PUBLIC = "93.184.215.14"
"""The address of the one site of this world; nobody outside of it is asked."""

SITE_PORT, CANARY_PORT = 8000, 8080
INSIDE = ("127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "fc00::1")
"""Where canaries listen at the port of the site, for names that change what they mean."""

_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
# A process namespace as well: whatever a scenario started ends with it.

NAMES: dict[str, list[tuple[str, ...]]] = {
    "rebind.test": [(PUBLIC,), ("127.0.0.1",)],
    "rebind6.test": [(PUBLIC,), ("::1",)],
    "both.test": [(PUBLIC, "127.0.0.1")],
    "six.test": [(PUBLIC, "::1")],
    "mapped.test": [("::ffff:127.0.0.1",)],
    "metadata.test": [("169.254.169.254",)],
    "private.test": [("10.0.0.1", "fc00::1")],
}
"""What the name service says, one answer after another, the last one for ever; each is good for no second (TTL 0)."""

REBINDING_PAGES = 12


def can_make_worlds() -> bool:
    """Whether this machine lets us make one."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0


def world(scenario: str, folder: Path, timeout_s: float = 90.0) -> Any:
    """Run a scenario in a world of its own, and give what it saw."""
    process = subprocess.Popen(
        [*_UNSHARE, sys.executable, "-m", "tests.harness.everywhere", scenario, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment(),
    )
    with process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
    assert process.returncode == 0, err.decode("utf-8", "replace")[-6000:]
    return json.loads(out)


def make_everything_local(folder: Path) -> None:
    """All addresses are this machine, and the resolver asks us."""
    for command in (
        "ip link set lo up",
        "ip route add local 0.0.0.0/0 dev lo",
        "ip -6 route add local ::/0 dev lo",
        "ip -6 address add fc00::1/128 dev lo",  # IPv6 listens only at addresses that somebody has
    ):
        subprocess.run(command.split(), check=True)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")
    for name in ("resolv.conf", "nsswitch.conf"):
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)


class NameServer:
    """Answers A and AAAA questions over UDP (RFC 1035) with `NAMES`; a name moves on when it is asked for A again."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def serving(self) -> Iterator[NameServer]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 53))
            threading.Thread(target=self._serve, args=(sock,), name="dns", daemon=True).start()
            yield self

    def _serve(self, sock: socket.socket) -> None:
        while True:
            try:
                question, client = sock.recvfrom(4096)
                sock.sendto(self._answer(question), client)
            except OSError:
                return

    def _answer(self, question: bytes) -> bytes:
        labels, at = [], 12
        while size := question[at]:
            labels.append(question[at + 1 : at + 1 + size].decode())
            at += size + 1
        end = at + 5
        name, kind = ".".join(labels).lower(), struct.unpack("!H", question[at + 1 : at + 3])[0]
        records = [_record(address) for address in self._addresses(name, kind) if (":" in address) == (kind == 28)]
        code = 0 if name in NAMES else 3
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        return head + question[12:end] + b"".join(records)

    def _addresses(self, name: str, kind: int) -> tuple[str, ...]:
        answers = NAMES.get(name)
        if answers is None:
            return ()
        with self._lock:
            self.asked[f"{name} {kind}"] += 1
            turn = self.asked[f"{name} {kind}"] - 1
        return answers[min(turn, len(answers) - 1)]


def _record(address: str) -> bytes:
    family, kind = (socket.AF_INET6, 28) if ":" in address else (socket.AF_INET, 1)
    packed = socket.inet_pton(family, address)
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(packed)) + packed


async def shop(exchange: Exchange) -> None:
    """A small site, each of whose answers closes its connection: the next page needs a new one."""
    links = [f"/page-{number}" for number in range(REBINDING_PAGES)] if exchange.path == "/" else []
    if exchange.path == "/robots.txt":
        await exchange.missing()
    else:
        await exchange.page(html(f"Shop {exchange.path}", links), "Connection: close")
    exchange.writer.close()


def crawl(tidemill: Tidemill, source: str) -> list[Entry]:
    """Crawl a source, and give its ledger."""
    tidemill("crawl", source, "--json").expect(0)
    return settled_ledger(Books(tidemill.data_dir))


def apply(tidemill: Tidemill, *sources: str) -> None:
    """Apply sources."""
    file = tidemill.data_dir.parent / "sources.yaml"
    file.write_text("---\n".join(sources))
    tidemill("sources", "apply", str(file)).expect(0)


def matrix(folder: Path) -> dict[str, Any]:
    """A public site leads to every spelling, and nothing is allowed; then, to prove the canary, everything is."""
    with ExitStack() as stack:
        server = stack.enter_context(wire(Lures(CANARY_PORT), host=PUBLIC, port=SITE_PORT))
        bird = stack.enter_context(canary((CANARY_PORT,)))
        limits = ("crawl.rate_per_s=0", "crawl.max_attempts=1", "crawl.breaker_failures=1000")
        guarded = Tidemill(folder / "data", *limits)
        rules = f"hosts: {[server.pair(), *hosts(CANARY_PORT)]}\n"
        lures, links = f"start: ['{server.url()}']\n{rules}", f"start: ['{server.url('/links')}']\n{rules}"
        apply(guarded, f"name: lures\n{lures}", f"name: links\n{links}")
        ledger, calls = crawl(guarded, "lures"), list(bird.calls)
        crawl(guarded.with_settings("net.allow_private=true", "crawl.robots=false"), "links")
    return {"ledger": ledger, "calls": calls, "control": bird.calls[len(calls) :]}


def rebinding(folder: Path) -> dict[str, Any]:
    """Names that mean the site at first and this machine afterwards, and names that mean both, in two runs."""
    with ExitStack() as stack:
        names = stack.enter_context(NameServer().serving())
        server: Wire = stack.enter_context(wire(shop, host=PUBLIC, port=SITE_PORT))
        bird = stack.enter_context(canary((SITE_PORT,), INSIDE))
        tidemill = Tidemill(folder / "data", "crawl.rate_per_s=0", "crawl.max_attempts=1")
        apply(tidemill, f"name: names\nstart: {[f'http://{name}:{SITE_PORT}/' for name in NAMES]}\n")
        ledgers = [crawl(tidemill, "names") for _ in range(2)]
    return {"ledgers": ledgers, "calls": bird.calls, "dns": names.asked, "requests": len(server.hits)}


def main() -> None:
    scenario, folder = sys.argv[1], Path(sys.argv[2])
    make_everything_local(folder)
    json.dump({"matrix": matrix, "rebinding": rebinding}[scenario](folder), sys.stdout)


if __name__ == "__main__":
    main()
