"""The acceptance table is well-formed, and what it names exists."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, read

_ROW = re.compile(r"^\| (00[0-4]-\d{3}) \| (.+) \|$", re.MULTILINE)
_PATH = re.compile(
    r"`((?:tests|docs|config|scripts|src|examples)/[\w./-]+|Makefile|mkdocs\.yml|[\w.-]+\.(?:toml|yaml|md))`"
)
_LARGEST = {"000": 244, "001": 108, "002": 225, "003": 91, "004": 85}
"""How many rows each document of the specification has."""


def test_rows_are_sorted_and_none_is_there_twice() -> None:
    numbers = [number for number, _ in _ROW.findall(read("docs/acceptance.md"))]
    assert numbers
    assert numbers == sorted(set(numbers))
    assert all(1 <= int(number[4:]) <= _LARGEST[number[:3]] for number in numbers)


def test_every_line_of_the_table_is_a_row() -> None:
    lines = [line for line in read("docs/acceptance.md").splitlines() if re.match(r"\| ?\d", line)]
    assert [line for line in lines if not _ROW.fullmatch(line)] == []


def test_each_row_names_what_proves_it_and_that_exists() -> None:
    for number, proof in _ROW.findall(read("docs/acceptance.md")):
        named = _PATH.findall(proof)
        assert any(path.startswith("tests/") for path in named), f"{number} names no test"
        missing = [path for path in named if not (ROOT / path).exists()]
        assert not missing, f"{number}: {missing}"


def test_the_count_is_right() -> None:
    text = read("docs/acceptance.md")
    met = len(_ROW.findall(text))
    assert f"{met} of {sum(_LARGEST.values())} rows" in text
