"""What the commands of `tidemill sources` take: files, a name, a version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="YAML files, one or more sources each.")]
Name = Annotated[str, typer.Argument(help="The source's name.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="One version; deleted sources have theirs, too.")]
