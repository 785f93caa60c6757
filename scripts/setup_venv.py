"""Makes `.venv` from `requirements/dev.txt` and installs Tidemill into it, editable; does nothing if nothing changed.

Called by `scripts/setup.sh` with the Python that the environment is made of; needs nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "dev.txt"
STAMP = VENV / "stamp.json"


def main() -> int:
    """Brings the environment up to date; returns the exit code."""
    with (ROOT / ".venv.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        wanted, found = _wanted(), _found()
        if found == wanted:
            return 0
        started = time.monotonic()
        try:
            if found.get("packages") != wanted["packages"]:
                _install_packages()
            _install_tidemill()
        except subprocess.CalledProcessError as error:
            print(f"setup: {' '.join(map(str, error.cmd[1:6]))} … failed; see above", file=sys.stderr)
            return 1
        STAMP.write_text(json.dumps(wanted))
    print(f"setup: .venv is ready ({time.monotonic() - started:.0f} s)", file=sys.stderr)
    return 0


def _wanted() -> dict[str, str]:
    """What the environment depends on: `packages` asks for a new one, `tidemill` for a new editable installation."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    metadata = {key: project.get(key) for key in ("build-system", "project")}
    metadata["hatch"] = project.get("tool", {}).get("hatch")
    place = f"{VENV}\n{sys.version}\n{sys.base_prefix}\n"
    return {"packages": _digest(place + LOCK.read_text()), "tidemill": _digest(json.dumps(metadata, sort_keys=True))}


def _found() -> dict[str, str]:
    if not STAMP.exists() or not (VENV / "bin" / "python").exists():
        return {}
    return dict(json.loads(STAMP.read_text()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _install_packages() -> None:
    version = sys.version.split()[0]
    print(f"setup: making .venv with Python {version} and the packages of {LOCK.name} …", file=sys.stderr)
    venv.EnvBuilder(clear=True, with_pip=True, symlinks=True).create(VENV)
    _pip("install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(LOCK))


def _install_tidemill() -> None:
    _pip("install", "--no-deps", "--no-build-isolation", "-e", str(ROOT))


def _pip(*arguments: str) -> None:
    command = [str(VENV / "bin" / "python"), "-m", "pip", *arguments, "-qq", "--disable-pip-version-check"]
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
