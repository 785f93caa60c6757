"""`make demo`: the main job end to end on the bundled sample site, with the commands that a user would type.

Starts the sample site on a port of its own, crawls it, searches it, and serves the API until Ctrl-C. What it keeps is
in `.demo/`, so that a second run shows what an unchanged site costs.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".demo"
SITE_PORT = 8765
SOURCE = Path("examples", "sources", "sample-site.yaml")
SEARCHES = ('"tide mill"', "comet -lecture", "azafran canela")
_START_S = 15


def main() -> int:
    """Run the demo; the exit status of the first command that fails, or 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop instead of serving")
    parser.add_argument("--port", type=int, default=8000, help="port of the API (default 8000)")
    arguments = parser.parse_args()
    with sample_site():
        status = run("sources", "apply", str(SOURCE)) or run("crawl", "sample-site")
        for query in SEARCHES:
            status = status or run("search", query, "--limit", "2")
        if status or arguments.once:
            return status
        print(
            f"\nThe site is at http://127.0.0.1:{SITE_PORT}/, the API's page at /api/docs. Ctrl-C ends both.",
            flush=True,
        )
        return run("serve", "--port", str(arguments.port))


def run(*command: str) -> int:
    """Show a command as a user would type it, and run it on the demo's own data."""
    print(f"\n$ tidemill {shlex.join(command)}", flush=True)
    tidemill = [sys.executable, "-m", "tidemill", "--data-dir", str(DATA)]
    allowed = ["--set", f"net.allow_hosts=127.0.0.1:{SITE_PORT}"]
    process = subprocess.Popen([*tidemill, *allowed, *command], cwd=ROOT)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the command has got the signal too, and ends in its own way


@contextmanager
def sample_site() -> Iterator[None]:
    """The bundled site on its port, ended with the demo."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", SITE_PORT)) == 0:
            sys.exit(f"port {SITE_PORT} is taken; end what listens there (another demo?) and try again")
    command = [sys.executable, "-m", "tests.site", "--port", str(SITE_PORT)]
    site = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        address = site.stdout.readline() if site.stdout else ""
        if not address:
            sys.exit("the sample site did not start; run `.venv/bin/python -m tests.site` to see why")
        print(f"The sample site is at {address.strip()}", flush=True)
        yield
    finally:
        site.send_signal(signal.SIGTERM)
        site.wait(timeout=_START_S)


if __name__ == "__main__":
    sys.exit(main())
