"""A page, or a plug-in, that hangs, crashes or eats memory costs itself alone: three attempts, then a dead letter that
says what is needed to try again; whatever lay in the same batch is stored.

The whole process stage runs here (queue, pool, store) over captures that no crawl had to fetch.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select, update
from tests.contract.process_house import Shelf, capture_all, process
from tests.contract.store_house import SITE, House, opened_house
from tests.harness.bombs import BOMBS, Bomb, plain_pdf

from tidemill.models.run import Run
from tidemill.settings import ProcessSettings
from tidemill.store import ledger
from tidemill.store.tables import captures, dead_letters, waiting

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(570)]

ROGUE = "application/x-rogue"
PLUG_IN = """
import ctypes, os, subprocess, sys, threading, time
from tidemill.models.document import Draft
from tidemill.process.extract.registry import handles

@handles("application/x-rogue")
def extract(page):
    exec(page.body.decode())
    words = " ".join(f"word{number}{page.url[-3:]}" for number in range(40))
    return (Draft(kind="article", title=page.url, content=words, markdown=words),)
"""
HANG, SEGFAULT = "while True: pass", "ctypes.string_at(0)"
DEADLY = {
    HANG: ("timeout", "Timeout"),
    "time.sleep(600)": ("timeout", "Timeout"),
    SEGFAULT: ("worker_died", "WorkerDied"),
    "os._exit(0)": ("worker_died", "WorkerDied"),
    "x = [bytes(1 << 20) for _ in range(1 << 16)]": ("out_of_memory", "MemoryError"),
    "sys.exit('enough')": ("error", "SystemExit"),
    "raise KeyboardInterrupt": ("error", "KeyboardInterrupt"),
    "again = lambda me: me(me)\nagain(again)": ("error", "RecursionError"),
    "raise LookupError('no such thing')": ("error", "LookupError"),
}
"""What a plug-in does, and the reason and type of the dead letter that comes of it."""

HARMLESS = (
    "print('noise' * 1000)",
    "os.write(1, b'noise')",
    "assert not sys.stdin.read()",
    "[threading.Thread(target=time.sleep, args=(600,)).start() for _ in range(2)]",
    "subprocess.Popen(['sleep', '600'])",
    "sys.setrecursionlimit(10**6)",
)
"""What a plug-in does, and yet its document is stored."""

TAKES_LONG = ("angles", "brackets", "picture", "100 MB of HTML", "forms", "character references")
"""Bombs of which the short form knows others of the same kind."""

SETTINGS = ProcessSettings(workers=2, batch_size=8, timeout_s=20, memory_mb=512)


def good(number: int) -> Bomb:
    """A page like no other."""
    chance = random.Random(number)
    text = " ".join("".join(chance.choices("abcdefghijklmnoprstuvw", k=6)) for _ in range(120))
    return "text/html", f"<html><title>Page {number}</title><body><p>{text}.</p></body></html>".encode()


async def letters(house: House) -> dict[str, Any]:
    """The dead letters by the path of their page."""
    async with house.store.read() as connection:
        rows = (await connection.execute(select(dead_letters))).all()
    return {row.url.removeprefix(SITE): row for row in rows}


async def outcomes(house: House, run: Run) -> dict[str, tuple[str, str | None]]:
    return {
        each.url.removeprefix(SITE): (each.outcome, each.reason) async for each in ledger.entries(house.store, run.id)
    }


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with an extractor that does what its page says."""
    folder = tmp_path / "packages"
    info = folder / "rogue_plug_in-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "rogue_plug_in.py").write_text(PLUG_IN, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rogue-plug-in\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[tidemill.extractors]\nrogue = rogue_plug_in:extract\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.usefixtures("plug_in")
async def test_a_plug_in_that_misbehaves_costs_its_own_pages_alone(tmp_path: Path) -> None:
    deadly = {f"deadly-{number:03}": (ROGUE, code.encode()) for number, code in enumerate(DEADLY)}
    harmless = {f"harmless-{number:03}": (ROGUE, code.encode()) for number, code in enumerate(HARMLESS)}
    neighbours = {f"good-{number}": good(number) for number in range(30)}
    shelf = Shelf()
    async with opened_house(tmp_path) as house:
        run = await capture_all(house, shelf, _mixed(deadly | harmless | neighbours))
        claims = await process(house, shelf, SETTINGS.model_copy(update={"timeout_s": 2.0}))
        said, dead = await outcomes(house, run), await letters(house)
    assert {path: said[path] for path in harmless | neighbours} == dict.fromkeys(
        harmless | neighbours, ("stored", None)
    )
    expected = dict(zip(deadly, DEADLY.values(), strict=True))
    assert {path: (letter.reason, letter.error_type) for path, letter in dead.items()} == expected
    assert {path: said[path] for path in deadly} == {path: ("dead", reason) for path, (reason, _) in expected.items()}
    for path, letter in dead.items():
        assert letter.attempts == 3
        assert letter.capture_id
        assert letter.message or expected[path][1] in ("MemoryError", "KeyboardInterrupt")
        assert ("rogue_plug_in.py" in letter.trace) == (letter.reason in ("error", "out_of_memory"))
        if letter.reason == "error":
            assert letter.place.startswith(("rogue_plug_in.py:", "process/"))
    tried_before = [claim for claim in claims if any(capture.attempts for capture in claim.captures)]
    assert len(tried_before) == 2 * len(deadly), "each of them twice more"
    assert all(len(claim.captures) == 1 for claim in tried_before), "alone, so that it takes no neighbour along"


async def test_bombs_cost_themselves_alone(tmp_path: Path, is_long: bool) -> None:
    chosen = {name: make for name, make in BOMBS.items() if is_long or not any(word in name for word in TAKES_LONG)}
    bombs = {f"bomb-{number}": make() for number, make in enumerate(chosen.values())}
    names = dict(zip(bombs, chosen, strict=True))
    neighbours = {f"good-{number}": good(number) for number in range(40)} | {
        "good.pdf": ("application/pdf", plain_pdf())
    }
    shelf = Shelf()
    async with opened_house(tmp_path) as house:
        run = await capture_all(house, shelf, _mixed(bombs | neighbours))
        before = psutil.Process().memory_info().rss
        await process(house, shelf, SETTINGS)
        grown_mb = (psutil.Process().memory_info().rss - before) / 2**20
        said, dead = await outcomes(house, run), await letters(house)
    wrong = {path: said[path] for path in neighbours if said[path] != ("stored", None)}
    assert not wrong
    ends = {names[path]: said[path] for path in bombs}
    assert all(outcome in ("stored", "invalid", "duplicate", "dead") for outcome, _ in ends.values()), ends
    faults = {names[path]: letter.message for path, letter in dead.items() if letter.reason == "error"}
    assert not faults, "a page is no reason for an exception: its extractor should say what is wrong with it"
    assert all(letter.attempts == 3 for letter in dead.values())
    assert ends["100 MB of text"][0] != "dead" or ends["100 MB of text"][1] == "out_of_memory"
    assert grown_mb < 400, "the processor itself holds two copies of a large body at the most"


async def test_a_capture_that_ends_the_whole_processor_each_time_is_buried_unread(tmp_path: Path) -> None:
    """Nothing but its count of attempts tells: whoever held it could not say what had happened."""
    shelf = Shelf()
    async with opened_house(tmp_path) as house:
        run = await capture_all(house, shelf, {"killer": good(1), "good": good(2)})
        killer = (
            waiting.c.capture_id
            == select(captures.c.id).where(captures.c.page_id == house.page("killer")).scalar_subquery()
        )
        async with house.store.write() as connection:
            await connection.execute(update(waiting).where(killer).values(attempts=3))
        await process(house, shelf, SETTINGS)
        said, dead = await outcomes(house, run), await letters(house)
    assert said == {"killer": ("dead", "processor_died"), "good": ("stored", None)}
    assert "ended 3 times" in dead["killer"].message


async def test_large_bodies_are_read_only_as_fast_as_memory_allows(tmp_path: Path) -> None:
    """Thirty bodies of ten megabytes are one batch, and never in memory all at once."""
    text = b"The council met on Monday and spoke about the harbour. " * 180_000
    pages = {f"large-{number}": ("application/x-unread", b"%d " % number + text) for number in range(30)}
    held: list[int] = []

    class Watching(Shelf):
        async def get(self, body_hash: str) -> bytes:
            held.append(psutil.Process().memory_info().rss)
            return bytes(bytearray(self.bodies[body_hash]))

    shelf = Watching()
    async with opened_house(tmp_path) as house:
        run = await capture_all(house, shelf, pages)
        await process(house, shelf, SETTINGS.model_copy(update={"batch_size": 30, "memory_mb": 1024}))
        said = await outcomes(house, run)
    assert set(said.values()) == {("invalid", "unsupported_media_type")}
    assert (max(held) - held[0]) / 2**20 < 200


def _mixed(pages: Mapping[str, Bomb]) -> dict[str, Bomb]:
    """In an order in which the bad ones lie among the good ones."""
    names = sorted(pages)
    random.Random(4).shuffle(names)
    return {name: pages[name] for name in names}
