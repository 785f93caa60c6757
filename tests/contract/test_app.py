"""The open house: what was opened is closed again, whatever behind it cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill import app as wiring
from tidemill.errors import Invalid
from tidemill.search.tantivy import TantivyEngine
from tidemill.settings import Settings
from tidemill.store.engine import Store


@pytest.mark.parametrize("name", ["open_fallback", "open_archive", "open_queue"])
async def test_who_cannot_open_a_part_closes_those_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    closed: list[str] = []
    for kind in (TantivyEngine, Store):

        async def close(self: object, known: str = kind.__name__, close: object = kind.close) -> None:
            closed.append(known)
            await close(self)  # type: ignore[operator]

        monkeypatch.setattr(kind, "close", close)

    def broken(*_: object) -> None:
        raise Invalid("it cannot be opened", reason="invalid_setting")

    monkeypatch.setattr(wiring, name, broken)
    with pytest.raises(Invalid, match="cannot be opened"):
        async with wiring.open_app(Settings(data_dir=tmp_path)):
            pass
    assert closed == ["TantivyEngine", "Store"]
