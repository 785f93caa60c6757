"""Every field that markup may give to a document is in docs/reference/kinds.md."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRACT = ROOT / "src" / "tidemill" / "process" / "extract"
_PUT = re.compile(r'reading\.(?:put|first|joined|url|iso)\(\s*"(\w+)"')


def test_every_field_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "kinds.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(\w+)`", page))
    readers = [*sorted((EXTRACT / "typed").glob("*.py")), EXTRACT / "events.py"]
    fields = {name for reader in readers for name in _PUT.findall(reader.read_text(encoding="utf-8"))}
    assert len(fields) > 40
    assert fields <= documented, sorted(fields - documented)
