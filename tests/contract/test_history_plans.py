"""What runs for every page, batch or look-up finds its rows by an index; pages come in order without being sorted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.contract.store_house import House, draft, opened_house
from tests.contract.test_store_plans import plans, scans, used

from tidemill.models.ids import new_id
from tidemill.store import deadletters, versions
from tidemill.store.versions import Shown


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        await house.run({path: [draft(path)] for path in "abc"})
        yield house


async def test_pages_to_process_again_come_by_their_key_whichever_are_asked_for(house: House) -> None:
    for wanted in (Shown(), Shown(house.source.id), Shown(house.source.id, datetime(2026, 1, 1, tzinfo=UTC))):
        lines = await plans(house, lambda shown=wanted: versions.shown_captures(house.store, shown, new_id(), 10))  # type: ignore[misc]
        assert "pages USING INDEX sqlite_autoindex_pages_1 (id>?)" in used(lines)
        assert "TEMP B-TREE" not in used(lines)


async def test_documents_are_found_by_page_prefix_and_version(house: House) -> None:
    document = house.document("a")
    prefix = document.replace("-", "")[:8]
    assert scans(await plans(house, lambda: versions.standing(house.store, [house.page("a")]))) == []
    assert scans(await plans(house, lambda: versions.ids_with_prefix(house.store, prefix, 5))) == []
    assert scans(await plans(house, lambda: versions.get(house.store, document, 1))) == []


async def test_resolving_letters_costs_a_batch_no_scan(house: House) -> None:
    async def resolve() -> None:
        async with house.store.write() as connection:
            await deadletters.resolve(connection, [new_id(), new_id()], house.store.now())

    assert "dead_letters USING INDEX sqlite_autoindex_dead_letters_2 (capture_id=?)" in used(
        await plans(house, resolve)
    )
