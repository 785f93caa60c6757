"""Writes what of `docs/reference/` is made from the code: pages, the table of source fields, the schema.

Called by `make docs`, and by the test that compares what is there with what the code says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.reference_api import render_api
from scripts.reference_cli import render_cli
from scripts.reference_metrics import render_metrics
from tidemill.manage.source_schema import field_table, schema_text
from tidemill.settings.reference import render_reference

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
_TABLE = re.compile(r"(<!-- fields: .*? -->\n).*?(<!-- end of fields -->)", re.DOTALL)


def render_sources() -> str:
    """The page of source files as it is, with the table of fields as the code says it."""
    page = (FOLDER / "sources.md").read_text(encoding="utf-8")
    made, found = _TABLE.subn(lambda match: f"{match[1]}\n{field_table()}\n{match[2]}", page)
    if found != 1:
        raise SystemExit("docs/reference/sources.md: the two comments around the table of fields are not there once")
    return made


PAGES: Mapping[str, Callable[[], str]] = {
    "api.md": render_api,
    "cli.md": render_cli,
    "metrics.md": render_metrics,
    "settings.md": render_reference,
    "source.schema.json": schema_text,
    "sources.md": render_sources,
}
"""Each page, and what makes it; a documentation test compares the two."""


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
