"""Writes down what was found: the input, and where it broke what.

Called by `engine` and `swell` for each input that raised.
"""

from __future__ import annotations

import traceback
from hashlib import sha256
from pathlib import Path


def write_finding(folder: Path, data: bytes, error: Exception) -> None:
    """Keep the shortest input of each kind of error at each place, and its trace."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "atheris" not in frame.filename]
    place = f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}"
    kept = folder / f"finding-{sha256(place.encode()).hexdigest()[:12]}"
    if not kept.exists() or kept.stat().st_size > len(data):
        kept.write_bytes(data)
        kept.with_suffix(".txt").write_text("".join(traceback.format_exception(error)))
