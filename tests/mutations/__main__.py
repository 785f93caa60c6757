"""`python -m tests.mutations [--short] [WORD…]`: breaks promises one by one, and fails if the tests do not notice.

Each mutant is made in a copy of the tree, where the tests that it names are run; before them the same tests are run in
a copy without any, for a test that is red anyway notices nothing. With words only the promises are broken that have one
of them in their text.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.harness.command import clean_environment
from tests.mutations.mutants import MUTANTS, UNDISTURBED, Edit, Mutant

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("src", "tests", "config", "pyproject.toml", "examples", "docs", "scripts")
_MOST_S = 400
"""For each test that is named, or file of them."""

_RED = 1
"""What pytest ends with if tests failed; other codes mean that it could not run them."""


def main() -> int:
    """The number of promises that nobody missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations")
    parser.add_argument("--short", action="store_true", help="only those that take seconds")
    parser.add_argument("words", nargs="*")
    given = parser.parse_args()
    wanted = [each for each in MUTANTS if (each.is_quick or not given.short) and _is_named(each, given.words)]
    with tempfile.TemporaryDirectory(prefix="tidemill-mutants-") as name:
        tree = Path(name)
        _copy(tree)
        tests = list(dict.fromkeys(test for each in wanted for test in each.tests))
        code, said = _run(tree, tests)
        if code != 0:
            print(f"the tests are red without any mutant\n{said}")
            return 1
        survivors = [each for each in wanted if not _is_noticed(each, tree)]
    print(f"{len(wanted) - len(survivors)} of {len(wanted)} broken promises were noticed")
    return len(survivors)


def _is_named(mutant: Mutant, words: Sequence[str]) -> bool:
    return not words or any(word.lower() in mutant.promise.lower() for word in words)


def _copy(tree: Path) -> None:
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)


def _is_noticed(mutant: Mutant, tree: Path) -> bool:
    began = time.monotonic()
    before = {edit.file: (tree / "src" / "tidemill" / edit.file).read_text() for edit in mutant.edits}
    try:
        for edit in mutant.edits:
            _apply(edit, tree)
        if mutant.shows_at_death:
            code, said = _run(tree, (UNDISTURBED,))
            assert code == 0, f"{mutant.promise}: this mutant fails without a death as well\n{said}"
        code, said = _run(tree, mutant.tests)
    finally:
        for file, text in before.items():
            (tree / "src" / "tidemill" / file).write_text(text)
    how = {_RED: "noticed", 0: "SURVIVED"}.get(code, f"could not be tested (pytest ended with {code})")
    print(f"{how:>9}  {mutant.promise}  ({time.monotonic() - began:.0f} s)", flush=True)
    if code not in (0, _RED):
        print(said)
    return code == _RED


def _apply(edit: Edit, tree: Path) -> None:
    path = tree / "src" / "tidemill" / edit.file
    text = path.read_text()
    if text.count(edit.old) != 1:
        raise SystemExit(f"{edit.file} has {text.count(edit.old)} times, not once, the text\n{edit.old}")
    changed = text.replace(edit.old, edit.new)
    compile(changed, edit.file, "exec")
    path.write_text(changed)


def _run(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    """How pytest ends over these tests of the tree, and what it says at its end."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--long"]
    environment = {**clean_environment(), "PYTHONPATH": f"{tree / 'src'}:{tree}", "PYTHONDONTWRITEBYTECODE": "1"}
    most_s = _MOST_S * len(tests)
    try:
        done = subprocess.run(
            [*command, *tests], cwd=tree, env=environment, capture_output=True, text=True, timeout=most_s, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, f"not done after {most_s} s"
    return done.returncode, (done.stdout + done.stderr)[-4000:]


if __name__ == "__main__":
    sys.exit(min(main(), 1))
