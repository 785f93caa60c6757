"""`python -m tests.fuzz [TARGET …] [--seconds N] [--swell]`: fuzzes targets one after the other; called by `make fuzz`.

Each runs in a process of its own, since a hang or a crash of a parser ends it. Says at the end what was found where.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import CORPUS, TARGETS

FOUND = Path(".fuzz")
_GRACE_S = 120
_MISSING = (
    "fuzz: atheris is not installed; run `.venv/bin/uv pip install --group fuzz` (Linux, Python 3.11 to 3.13), "
    "or look with ARGS='TARGET --swell' for slow inputs alone, which needs nothing"
)


def main(arguments: list[str]) -> int:
    """0 if nothing was found, 1 for findings, 2 if there is nothing to fuzz with."""
    chosen = _parsed(arguments)
    if not chosen.swell and find_spec("atheris") is None:
        print(_MISSING, file=sys.stderr)
        return 2
    findings: list[Path] = []
    for name in chosen.targets or sorted(TARGETS):
        print(f"── {name}: {chosen.seconds} s", flush=True)
        findings += fuzz(name, chosen.seconds, "swell" if chosen.swell else "engine")
    for path in findings:
        print(f"found: {path}")
    if findings:
        print(f"Mend the code, move the input to {CORPUS.relative_to(Path.cwd())}/TARGET/ under a name that tells.")
    return 1 if findings else 0


def fuzz(name: str, seconds: int, engine: str) -> list[Path]:
    """What an engine found for one target, each an input; its trace, if there is one, lies beside it."""
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{engine}.log").open("wb") as log:
        command = [sys.executable, "-m", f"tests.fuzz.{engine}", name, str(seconds), str(folder)]
        ended = subprocess.run(command, stdout=log, stderr=log, timeout=seconds + _GRACE_S, check=False)
    findings = sorted(path for path in folder.glob("finding-*") if path.suffix != ".txt")
    if ended.returncode and engine == "swell":  # what it was at when it hung
        findings.append(folder / "last")
    elif ended.returncode and not findings:  # it could not even begin, or was killed from outside
        findings.append(folder / f"{engine}.log")
    return findings


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all ({', '.join(sorted(TARGETS))})")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--swell", action="store_true", help="look for slow inputs among repeated pieces of the seeds")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(sorted(TARGETS))}")
    return chosen


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
