"""The pages of the documentation as the tests read them: texts, and the commands in their console blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<'?(\w+)'?")
_ENDS = frozenset({"|", "||", "&&", "&", ";", "<", ">", "2>&1"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


@dataclass(frozen=True, slots=True)
class Command:
    """What a page tells the reader to type, and where."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"


def pages() -> list[Path]:
    """Every page of Markdown that people are meant to read."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(path: Path) -> str:
    """A page as its path in the repository."""
    return path.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def commands(name: str) -> Iterator[Command]:
    """The lines with a prompt in the console blocks of a page, here-documents included."""
    for block in _BLOCK.findall(read(name)):
        lines = iter(block.splitlines())
        for line in lines:
            if not line.startswith("$ "):
                continue
            text = line[2:]
            if document := _HEREDOC.search(text):
                for more in lines:
                    text += f"\n{more}"
                    if more == document[1]:
                        break
            yield Command(name, text)


def invocations(command: Command) -> Iterator[list[str]]:
    """The arguments of each `tidemill` in a line, without redirections."""
    words = shlex.shlex(command.text.splitlines()[0], posix=True, punctuation_chars="|&;<>")
    words.whitespace_split = True
    words.commenters = "#"
    given: list[str] | None = None
    for word in words:
        if word in _ENDS:
            if given is not None:
                yield given
            given = None
        elif given is not None:
            given.append(word)
        elif word == "tidemill":
            given = []
        elif not _ASSIGNMENT.match(word):
            given = None
    if given is not None:
        yield given
