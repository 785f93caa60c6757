"""House rules that no linter knows: what must not be written into any file, and what every room must have."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGISTRIES = [
    f"{name}.{ending}"
    for name, ending in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("registry.yarnpkg", "com"),
        ("deb.debian", "org"),
        ("proxy.golang", "org"),
        ("repo.maven.apache", "org"),
        ("rubygems", "org"),
    )
]
MACHINE_PATHS = [f"{folder}/" for folder in (ROOT, ROOT.parent / "shared", Path.home()) if len(folder.parts) > 1]


def our_files() -> list[Path]:
    """Every file that is or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=30).stdout.decode().split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_machine() -> None:
    forbidden = re.compile("|".join(re.escape(text) for text in (*REGISTRIES, *MACHINE_PATHS)).encode())
    found = [
        f"{path.relative_to(ROOT)}: {match[0].decode()}"
        for path in our_files()
        if (match := forbidden.search(path.read_bytes()))
    ]
    assert not found


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_lock_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    pinned = re.findall(r"^[a-z0-9-]+(?:\[[a-z,]+\])?==[^ ]+", text, re.MULTILINE)
    assert len(pinned) > 50
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "://" not in text
    assert "--index" not in text


def test_locks_agree() -> None:
    run, dev = ((ROOT / "requirements" / name).read_text() for name in ("run.txt", "dev.txt"))
    assert set(re.findall(r"^\S+==\S+", run, re.MULTILINE)) <= set(re.findall(r"^\S+==\S+", dev, re.MULTILINE))


def test_every_make_target_has_its_line_of_help() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert targets is not None
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    assert [line.split()[1] for line in shown.stdout.splitlines()] == targets[1].split()


def test_every_room_says_what_it_is_for() -> None:
    for folder in (ROOT / "src" / "tidemill").rglob("*/"):
        if any(folder.glob("*.py")) and "migrations" not in folder.parts:
            initial = folder / "__init__.py"
            assert initial.is_file(), f"{folder} has no __init__.py"
            assert initial.read_text().startswith('"""'), f"{initial} does not say what the room is for"


def test_only_the_settings_read_the_environment() -> None:
    source = ROOT / "src" / "tidemill"
    readers = [
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(
            r"\bos\.(environ|getenv)\b|from os import .*\b(environ|getenv)\b", path.read_text(encoding="utf-8")
        )
    ]
    assert readers == ["settings/load.py"]
