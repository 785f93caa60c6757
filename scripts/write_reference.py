"""Writes the pages of `docs/reference/` that are made from the code. Called by `make docs`."""

from __future__ import annotations

from pathlib import Path

from tidemill.settings.reference import render_reference

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Writes `docs/reference/settings.md`."""
    page = ROOT / "docs" / "reference" / "settings.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
