# ruff: noqa: A005 - a package of the tests, never on the path by itself
"""`python -m tests.site [--host 127.0.0.1] [--port 0] [--hits FILE] [--pages N] [--hostile] [--listings]`."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from tests.site.server import serve_site


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    async with serve_site(
        host=options.host,
        port=options.port,
        hostile=options.hostile,
        pages=options.pages,
        listings=options.listings,
        hits_file=options.hits,
    ) as site:
        print(f"{site.base_url}/", flush=True)
        await stopped.wait()


def main() -> None:
    """Serve the sample site until SIGINT or SIGTERM; the first line of stdout is its address."""
    parser = argparse.ArgumentParser(prog="python -m tests.site", description="The sample site, on loopback.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--hits", type=Path, help="append each request to this file as a JSON line")
    parser.add_argument("--pages", type=int, default=0, help="add this many numbered pages under /n/")
    parser.add_argument("--hostile", action="store_true", help="link /hostile/ from the home page")
    parser.add_argument(
        "--listings", action="store_true", help="add a JSON API, a JSON Feed and a calendar under /api/"
    )
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
