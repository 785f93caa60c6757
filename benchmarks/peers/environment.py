"""Makes `.venv-bench`, the environment of the crawlers we are measured against, from `requirements/bench.txt`.

It is apart from `.venv` because it is no part of Tidemill, and because Crawlee's extras differ. Called by
`crawl_against_peers`; does nothing if nothing changed. Where the packages cannot be had, it says so and gives `None`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-bench"
LOCK = ROOT / "requirements" / "bench.txt"
STAMP = VENV / "stamp"


def peers_python() -> Path | None:
    """The Python of the peers' environment, which is made if need be."""
    wanted = hashlib.sha256(f"{VENV}\n{sys.version}\n{LOCK.read_text()}".encode()).hexdigest()
    python = VENV / "bin" / "python"
    if STAMP.exists() and STAMP.read_text() == wanted and python.exists():
        return python
    print(f"making {VENV.name} with the packages of {LOCK.name} …", file=sys.stderr)
    try:
        _make(python)
    except subprocess.CalledProcessError as error:
        print(
            f"\n*** PEERS LEFT OUT: the packages of {LOCK.name} could not be installed into {VENV.name}"
            f" (status {error.returncode}; what pip said is above). Only Tidemill is measured. ***\n"
        )
        return None
    STAMP.write_text(wanted)
    return python


def _make(python: Path) -> None:
    venv.EnvBuilder(clear=True, with_pip=True, symlinks=True).create(VENV)
    (VENV / ".gitignore").write_text("*\n")
    options = ["-qq", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *options, "-r", LOCK], check=True, cwd=ROOT)
