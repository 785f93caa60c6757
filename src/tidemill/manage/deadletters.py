"""Dead letters as people deal with them: choosing some, trying them without storing, putting them back, giving up.

Called by the command line and by the API. Replayed captures wait in the queue like any other: a processor, or
`tidemill process`, does the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tidemill.archive.base import Archive
from tidemill.errors import Conflict, Invalid
from tidemill.manage.documents import id_digits
from tidemill.models.account import Caller
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.process.compute import Computer
from tidemill.process.llm.open import open_model
from tidemill.process.pool import WorkerPool
from tidemill.queue.base import Queue
from tidemill.settings import ProcessSettings
from tidemill.store import captures, deadletters, sources
from tidemill.store.deadletters import DeadLetter, Moved, Wanted
from tidemill.store.engine import Store

_AT_ONCE = 200
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Tried:
    """What a replay of one letter would come to."""

    letter: DeadLetter
    result: Processed | Failure

    def record(self) -> dict[str, Any]:
        """As JSON gives it."""
        about = {"id": self.letter.id, "url": self.letter.url, "capture_id": self.letter.capture_id}
        if isinstance(self.result, Failure):
            failure = {"reason": self.result.reason, "error_type": self.result.error_type}
            return {**about, "ok": False, **failure, "message": self.result.message, "place": self.result.place}
        given = [{"title": d.title, "words": d.word_count, "problems": list(d.problems)} for d in self.result.drafts]
        return {**about, "ok": True, "reason": self.result.reason, "documents": given}


async def find(store: Store, reference: str) -> DeadLetter:
    """The letter of an identifier, or of at least its first 6 digits.

    Raises `Invalid` (`bad_dead_letter`), `NotFound` (`no_such_dead_letter`) or `Conflict` (`ambiguous_dead_letter`).
    """
    digits = id_digits(reference)
    if digits is None:
        raise Invalid(
            f"{reference!r} is no dead letter: give its identifier, or at least its first 6 digits",
            reason="bad_dead_letter",
        )
    found = await deadletters.ids_with_prefix(store, digits, _MOST_NAMED + 1)
    if len(found) > 1:
        more = ", …" if len(found) > _MOST_NAMED else ""
        raise Conflict(
            f"{reference} begins several dead letters: {', '.join(found[:_MOST_NAMED])}{more}; give more digits",
            reason="ambiguous_dead_letter",
        )
    return await deadletters.get(store, found[0] if found else reference)


async def wanted(store: Store, *, source: str | None = None, **given: Any) -> Wanted:
    """The letters that a person's filters mean. Raises `NotFound` for an unknown source, `Invalid` for a state."""
    source_id = (await sources.get(store, source, with_deleted=True)).id if source is not None else None
    unknown = set(given.get("states", ())) - set(deadletters.STATES)
    if unknown:
        raise Invalid(
            f"{', '.join(sorted(unknown))}: no such state; use {', '.join(deadletters.STATES)}", reason="bad_state"
        )
    return Wanted(source_id=source_id, **given)


async def replay(store: Store, queue: Queue, letter_ids: Sequence[str], by: Caller) -> Moved:
    """Put letters back into the queue. Done twice it is done once; interrupted, the rest is still open."""
    done: list[Moved] = []
    for start in range(0, len(letter_ids), _AT_ONCE):
        moved = await deadletters.replay(store, letter_ids[start : start + _AT_ONCE], by)
        await queue.announce(moved.capture_ids)
        done.append(moved)
    return _together(done)


async def discard(store: Store, letter_ids: Sequence[str], by: Caller) -> Moved:
    """Give letters up. They are kept, and may be replayed still."""
    pieces = range(0, len(letter_ids), _AT_ONCE)
    return _together([await deadletters.discard(store, letter_ids[at : at + _AT_ONCE], by) for at in pieces])


async def tried(
    store: Store, archive: Archive, settings: ProcessSettings, letter_ids: Sequence[str]
) -> AsyncGenerator[Tried]:
    """What a replay of these letters would come to, in their order; nothing is stored, and no language model asked."""
    async with WorkerPool(settings) as pool, open_model(settings.llm, store, pays=False) as model:
        computer = Computer(archive, pool, model)
        for start in range(0, len(letter_ids), settings.batch_size):
            letters = [await deadletters.get(store, each) for each in letter_ids[start : start + settings.batch_size]]
            for each in await asyncio.gather(*(_try(store, computer, letter) for letter in letters)):
                yield each


async def body(store: Store, archive: Archive, letter: DeadLetter) -> bytes:
    """The bytes that could not be processed. Raises `Permanent` (`archive_missing`, `archive_corrupt`)."""
    return await archive.get(letter.body_hash)


def record(letter: DeadLetter, *, archived: bool | None = None) -> dict[str, Any]:
    """A letter as JSON gives it."""
    found = asdict(letter) | {"group": letter.group}
    return found if archived is None else found | {"archived": archived}


async def _try(store: Store, computer: Computer, letter: DeadLetter) -> Tried:
    capture = await captures.get(store, letter.capture_id)
    rules = (await sources.by_id(store, capture.source_id)).spec.process
    return Tried(letter, await computer.compute(capture, rules))


def _together(pieces: Sequence[Moved]) -> Moved:
    left: dict[str, int] = {}
    for piece in pieces:
        for why, count in piece.left.items():
            left[why] = left.get(why, 0) + count
    letter_ids = tuple(each for piece in pieces for each in piece.letter_ids)
    return Moved(letter_ids, tuple(each for piece in pieces for each in piece.capture_ids), left)
