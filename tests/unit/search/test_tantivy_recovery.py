"""A tantivy index that is damaged, foreign or behind: what is kept, what is built again, what is said."""

from __future__ import annotations

import errno
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import orjson
import pytest
from tests.logs import captured_logs
from tests.unit.search.making import document

from tidemill.errors import Transient
from tidemill.search.base import Position, SearchQuery
from tidemill.search.tantivy import TantivyEngine, writer
from tidemill.search.tantivy.cursor import Cursor
from tidemill.search.tantivy.schema import SCHEMA_VERSION


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[TantivyEngine]:
    opened = await written(tmp_path)
    yield opened
    await opened.close()


async def written(root: Path) -> TantivyEngine:
    engine = TantivyEngine(root, writer_memory_mb=16)
    assert await engine.try_lock()
    await engine.begin("e")
    await engine.apply([document("a", "walnut")], [], Position("e", 5))
    return engine


async def reopened(root: Path) -> tuple[Position, str]:
    """Where a new process would go on, and what it logs of why."""
    engine = TantivyEngine(root, writer_memory_mb=16)
    assert await engine.try_lock()
    with captured_logs() as logs:
        position = await engine.begin("e")
    assert await engine.begin("e") == position
    found = await engine.search(SearchQuery("walnut"))
    assert found.total == (1 if position.event_id else 0)
    await engine.close()
    assert generations(root) == 1
    return position, " ".join(entry["why"] for entry in logs if entry["level"] == "warning")


def generation(root: Path) -> Path:
    return next(root.glob("generation-*"))


def generations(root: Path) -> int:
    return len(list(root.glob("generation-*")))


def edit_cursor(root: Path, **values: object) -> None:
    path = root / "cursor.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | values))


def truncate(root: Path) -> None:
    for path in generation(root).glob("*.idx"):
        with path.open("r+b") as file:
            file.truncate(20)


def remove_segments(root: Path) -> None:
    for path in generation(root).glob("*.term"):
        path.unlink()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no cursor": (lambda root: (root / "cursor.json").unlink(), "cursor file is missing"),
    "no JSON": (lambda root: (root / "cursor.json").write_text("{"), "cannot be read"),
    "other fields": (lambda root: edit_cursor(root, more=1), "cannot be read"),
    "wrong type": (lambda root: edit_cursor(root, event_id="5"), "event_id"),
    "wrong folder": (lambda root: edit_cursor(root, folder=".."), "folder"),
    "other version": (lambda root: edit_cursor(root, version=SCHEMA_VERSION + 1), "schema version"),
    "other epoch": (lambda root: edit_cursor(root, epoch="f"), "epoch f"),
    "behind": (lambda root: edit_cursor(root, opstamp=10**6), "ends at operation"),
    "no folder": (lambda root: shutil.rmtree(generation(root)), "opening"),
    "no meta": (lambda root: (generation(root) / "meta.json").unlink(), "meta.json"),
    "garbage": (lambda root: (generation(root) / "meta.json").write_text("x"), "corrupt"),
    "truncated": (truncate, "opening"),
    "segment gone": (remove_segments, "opening"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_index_is_built_again_with_a_word(tmp_path: Path, damage: str) -> None:
    await (await written(tmp_path)).close()
    do, reason = DAMAGES[damage]
    do(tmp_path)
    position, why = await reopened(tmp_path)
    assert position == Position("e", 0)
    assert reason in why


async def test_a_sound_index_goes_on_without_a_word(tmp_path: Path) -> None:
    await (await written(tmp_path)).close()
    assert await reopened(tmp_path) == (Position("e", 5), "")


@pytest.mark.thorough
@pytest.mark.parametrize("damage", ["no JSON", "other version", "no folder"])
async def test_a_reader_says_so_and_recovers_with_the_writer(tmp_path: Path, damage: str) -> None:
    await (await written(tmp_path)).close()
    DAMAGES[damage][0](tmp_path)
    reader = TantivyEngine(tmp_path)
    with pytest.raises(Transient, match=r"search index|cursor"):
        await reader.search(SearchQuery("walnut"))
    await reopened(tmp_path)
    assert (await reader.search(SearchQuery("walnut"))).total == 0
    await reader.close()


async def test_damage_found_by_a_question_is_repaired_by_the_next_beginning(
    engine: TantivyEngine, tmp_path: Path
) -> None:
    shutil.rmtree(generation(tmp_path))
    with pytest.raises(Transient):
        await engine.search(SearchQuery("walnut"))
    assert await engine.begin("e") == Position("e", 0)
    await engine.apply([document("a", "walnut")], [], Position("e", 5))
    assert (await engine.search(SearchQuery("walnut"))).total == 1


@pytest.mark.thorough
async def test_a_crash_between_commit_and_cursor_repeats_work_only(
    engine: TantivyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(root: Path, cursor: Cursor) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    batch = [document("a", "walnut"), document("b", "walnut")]
    with monkeypatch.context() as patched:
        patched.setattr(writer, "write_cursor", full)
        with pytest.raises(Transient, match="disk is full") as raised:
            await engine.apply(batch, [], Position("e", 6))
    assert raised.value.reason == "disk_full"
    assert await engine.begin("e") == Position("e", 5)
    await engine.apply(batch, [], Position("e", 6))
    assert (await engine.search(SearchQuery("walnut"))).total == 2


async def test_an_error_that_is_kept_does_not_keep_the_index_locked(engine: TantivyEngine) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the fault
    with pytest.raises(TypeError) as kept:
        await engine.apply([document("b", "walnut"), document("c", published_at=naive)], [], Position("e", 6))
    assert await engine.begin("e") == Position("e", 5)
    await engine.apply([document("d", "walnut")], [], Position("e", 6))
    assert {hit.id for hit in (await engine.search(SearchQuery("walnut"))).hits} == {"a", "d"}
    assert kept.value.__traceback__ is not None
