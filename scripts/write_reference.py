"""Writes the pages of `docs/reference/` that are made from the code. Called by `make docs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.reference_api import render_api
from scripts.reference_cli import render_cli
from scripts.reference_metrics import render_metrics
from tidemill.settings.reference import render_reference

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "api.md": render_api,
    "cli.md": render_cli,
    "metrics.md": render_metrics,
    "settings.md": render_reference,
}
"""Each page, and what makes it; a documentation test compares the two."""


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
