"""The quick unit tests, one plain pytest for each core, each with its share of the files.

Run by `make test-fast`. xdist, which `make test` uses, collects every test in every process and reports each of them
to another: for tests of a millisecond that takes longer than the tests. Arguments go to each pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:schemathesis", "-m", "not thorough")
_NOTHING_CHOSEN = 5


def shares(files: list[Path], count: int) -> list[list[Path]]:
    """The files in so many parts of about the same size."""
    parts: list[list[Path]] = [[] for _ in range(count)]
    sizes = [0] * count
    for file in sorted(files, key=lambda file: file.stat().st_size, reverse=True):
        smallest = sizes.index(min(sizes))
        parts[smallest].append(file)
        sizes[smallest] += file.stat().st_size
    return [sorted(part) for part in parts if part]


def main(arguments: list[str]) -> int:
    """Run them all; 0 if every part passed, or had nothing to run while another had."""
    files = list((ROOT / "tests" / "unit").rglob("test_*.py"))
    running = [
        subprocess.Popen([*_PYTEST, *part, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for part in shares(files, min(os.cpu_count() or 1, 4))
    ]
    codes = []
    for process in running:
        said, _ = process.communicate()
        sys.stdout.buffer.write(said)
        sys.stdout.flush()
        codes.append(process.returncode)
    failed = [code for code in codes if code not in (0, _NOTHING_CHOSEN)]
    return failed[0] if failed else min(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
