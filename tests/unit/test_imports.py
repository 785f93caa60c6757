"""Of a library is imported what is needed, and whoever asks for more gets what he would have got anyway."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidemill.imports import in_parts

PACKAGE = "tide_fixture_above.wide"


@pytest.fixture
def wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package whose `__init__` imports two modules, of which `slow` leaves a trace."""
    folder = tmp_path / "tide_fixture_above" / "wide"
    folder.mkdir(parents=True)
    (tmp_path / "tide_fixture_above" / "__init__.py").write_text("")
    (folder / "__init__.py").write_text(
        "from .quick import Quick\nfrom .slow import Slow\n__all__ = ['Quick', 'Slow']\n"
    )
    (folder / "quick.py").write_text("class Quick: ...\n")
    (folder / "slow.py").write_text("from . import Quick\nclass Slow(Quick): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("tide_fixture_above")]:
        del sys.modules[name]


def test_a_package_has_its_parts_without_the_rest(wide: Path) -> None:
    __import__("tide_fixture_above")
    in_parts(PACKAGE, {"quick": ("Quick",)})
    from tide_fixture_above.wide import Quick  # type: ignore[import-not-found]

    assert Quick.__name__ == "Quick"
    assert f"{PACKAGE}.slow" not in sys.modules


def test_the_rest_comes_when_it_is_asked_for_and_knows_the_same_parts(wide: Path) -> None:
    __import__("tide_fixture_above")
    in_parts(PACKAGE, {"quick": ("Quick",)})
    from tide_fixture_above.wide import Quick, Slow

    assert issubclass(Slow, Quick)
    assert sys.modules[PACKAGE].__all__ == ["Quick", "Slow"]
    with pytest.raises(AttributeError, match="Nothing"):
        _ = sys.modules[PACKAGE].Nothing


def test_a_rest_that_fails_fails_again_when_it_is_asked_for_again(wide: Path) -> None:
    __import__("tide_fixture_above")
    (wide / "slow.py").write_text("raise OSError('no disk')\n")
    in_parts(PACKAGE, {"quick": ("Quick",)})
    for _ in range(2):
        with pytest.raises(OSError, match="no disk"):
            _ = sys.modules[PACKAGE].Slow


def test_what_is_imported_already_stays_as_it_is(wide: Path) -> None:
    __import__(PACKAGE)
    before = sys.modules[PACKAGE]
    in_parts(PACKAGE, {"quick": ("Quick",)})
    assert sys.modules[PACKAGE] is before
    assert hasattr(before, "Slow")


def test_a_package_that_is_missing_or_lacks_a_part_is_said_and_leaves_nothing_behind(wide: Path) -> None:
    __import__("tide_fixture_above")
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        in_parts("tide_fixture_above.nowhere", {})
    with pytest.raises(AttributeError, match="Gone"):
        in_parts(PACKAGE, {"quick": ("Gone",)})
    assert PACKAGE not in sys.modules
