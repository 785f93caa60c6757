"""The mutants: what is taken out of the code, and the tests that must notice.

Each edit names a file of `src/tidemill`, a piece of its text that stands there once, and what takes its place. A piece
that is not there any more fails the check: the mutant has to follow the code.
"""

from __future__ import annotations

from dataclasses import dataclass

LEDGER = "tests/contract/test_store_ledger.py"
PROCESSED = "tests/contract/test_store_processed.py"
LETTERS = "tests/contract/test_deadletters.py"
QUEUE = "tests/contract/test_queue.py"
BROKERS = "tests/contract/test_brokers.py"
POSTGRES = "tests/contract/test_postgres.py"
UNDISTURBED = "tests/fault/test_fleet.py::test_a_fleet_to_which_nothing_happens_accounts_for_every_page[sqlite]"
_AGAIN = "tests/fault/test_crash_points.py::test_processes_die_again_and_again_at_one_step"


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` stands once in the file and becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A promise that is broken by edits. Of `tests` at least one must fail; the quick ones are the short form.

    `shows_at_death`: as long as nobody dies nothing is wrong with it, which is seen to as well.
    """

    promise: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    is_quick: bool = False
    shows_at_death: bool = False


def dies_at(step: str, backend: str = "sqlite") -> str:
    """The fault test in which processes die at a step again and again."""
    return f"{_AGAIN}[{backend}-{step}]"


MUTANTS = (
    Mutant(
        "a URL enters the ledger of a run once (ON CONFLICT)",
        (Edit("store/admission.py", "return nearer, reopened", "return nearer, visit"),),
        (f"{LEDGER}::test_links_enter_the_ledger_once_and_keep_their_first_place[sqlite]",),
        is_quick=True,
    ),
    Mutant(
        "a page is kept once (ON CONFLICT)",
        (Edit("store/admission.py", "return nearer, reopened", "return page, reopened"),),
        (f"{LEDGER}::test_links_enter_the_ledger_once_and_keep_their_first_place[sqlite]",),
    ),
    Mutant(
        "a capture has one dead letter (ON CONFLICT)",
        (
            Edit(
                "store/deadletters.py",
                'statement.on_conflict_do_update(index_elements=["capture_id"], set_=again)',
                "statement",
            ),
        ),
        (f"{LETTERS}::test_a_letter_whose_replay_fails_too_is_open_again_and_counts_on[sqlite]",),
    ),
    Mutant(
        "a crawler whose lease was taken back writes nothing (fencing token)",
        (
            Edit(
                "store/ledger.py",
                "if held.get(fetched.visit.page_id) == fetched.visit.token]",
                "if fetched.visit.page_id in held]",
            ),
        ),
        (f"{LEDGER}::test_a_zombie_changes_nothing[sqlite]",),
        is_quick=True,
    ),
    Mutant(
        "a processor whose claim was taken back writes nothing (fencing token)",
        (
            Edit(
                "store/processed.py",
                "and_(waiting.c.capture_id.in_(capture_ids), waiting.c.token == token)",
                "waiting.c.capture_id.in_(capture_ids)",
            ),
        ),
        (f"{PROCESSED}::test_a_claim_that_was_taken_back_changes_nothing[sqlite]",),
        is_quick=True,
    ),
    Mutant(
        "a worker whose heart stopped loses its leases (expiry)",
        (Edit("store/workers.py", "row.heartbeat_at < oldest or _abandoned", "_abandoned"),),
        (f"{LEDGER}::test_a_worker_whose_heart_stopped_is_dead_and_may_come_back[sqlite]",),
        is_quick=True,
    ),
    Mutant(
        "the lock of a dead process tells at once",
        (
            Edit(
                "store/workers.py",
                'row.heartbeat_at < oldest or _abandoned(store.lock_folder / f"{row.id}.lock")]',
                "row.heartbeat_at < oldest]",
            ),
        ),
        (f"{LEDGER}::test_a_dead_worker_is_known_by_its_lock_at_once[sqlite]",),
    ),
    Mutant(
        "a death counts as an attempt, so that poison ends",
        (Edit("store/workers.py", "waiting.c.attempts + lost}", "waiting.c.attempts + 0}"),),
        (f"{QUEUE}::test_the_claims_of_the_dead_come_back_one_by_one[sqlite-database]",),
    ),
    Mutant(
        "what the dead held is announced anew",
        (Edit("store/workers.py", "values(**again, **free, announced_at=None)", "values(**again, **free)"),),
        (f"{BROKERS}::test_what_a_dead_process_held_is_announced_by_the_next_sweep",),
    ),
    Mutant(
        "a run is over only when nothing of it is open",
        (Edit("store/runs.py", "runs.c.state == RunState.CRAWLED.value, ~is_open)", "runs.c.state == 'crawled')"),),
        (f"{LEDGER}::test_a_run_is_over_when_nothing_is_open[sqlite]",),
    ),
    Mutant(
        "a capture is acknowledged when its results are stored, not when it is handed out",
        (
            Edit(
                "store/captures.py",
                "        return token, await claiming.hold(connection, chosen, token, worker_id)",
                "        held = await claiming.hold(connection, chosen, token, worker_id)\n"
                "        await claiming.done(connection, [each.id for each in held])\n"
                "        return token, held",
            ),
            Edit(
                "store/captures.py",
                "        claimed = await claiming.hold(connection, [due[each] for each in chosen], token, worker_id)\n",
                "        claimed = await claiming.hold(connection, [due[each] for each in chosen], token, worker_id)\n"
                "        await claiming.done(connection, [each.id for each in claimed])\n",
            ),
            Edit(
                "store/processed.py",
                "    return set(await captures_store.hold(connection, claimed))",
                "    return set(capture_ids)",
            ),
        ),
        (dies_at("process.claimed"), dies_at("process.claimed", "postgres+redis")),
        shows_at_death=True,
    ),
    Mutant(
        "events are written in the transaction of their cause (outbox)",
        (
            Edit(
                "store/processed.py",
                "await events.append(connection, [line for plan in written if (line := writing.event_of(plan, now))])",
                "_LATER.extend(line for plan in written if (line := writing.event_of(plan, now)))",
            ),
            Edit("store/processed.py", "@tried_again\nasync def store_batch", "_LATER = []\n\n\nasync def store_batch"),
            Edit(
                "store/processed.py",
                '        reached("process.before_commit")\n        return dict(counted)',
                '    reached("process.before_commit")\n    async with store.write(locks.EVENTS) as connection:\n'
                "        await events.append(connection, _LATER)\n        _LATER.clear()\n    return dict(counted)",
            ),
        ),
        (dies_at("process.before_commit"),),
        shows_at_death=True,
    ),
    Mutant(
        "bytes are archived before anything tells of them",
        (
            Edit(
                "crawl/recorder.py",
                "        if bodies:\n            await self._archived(bodies)",
                "        if not bodies:",
            ),
            Edit(
                "crawl/recorder.py",
                '        reached("crawl.recorded")\n',
                '        reached("crawl.recorded")\n        await self._archived(bodies)\n',
            ),
        ),
        (dies_at("crawl.recorded"),),
        shows_at_death=True,
    ),
    Mutant(
        "captures and the visit's new state are written in one transaction",
        (
            Edit(
                "store/ledger.py",
                "        await _insert_captures(connection, batch, now)\n",
                "        later = batch\n",
            ),
            Edit(
                "store/ledger.py",
                '        reached("crawl.before_commit")\n        return Recorded(len(batch), settled)',
                '    reached("crawl.before_commit")\n    async with store.write() as connection:\n'
                "        await _insert_captures(connection, later, now)\n    return Recorded(len(batch), settled)",
            ),
        ),
        (dies_at("crawl.before_commit"),),
        shows_at_death=True,
    ),
    Mutant(
        "the index's cursor moves behind what it stands for, not before",
        (
            Edit(
                "search/tantivy/writer.py",
                "                if upserts or deletions:\n                    self._add(",
                "                if not self._unpublished and not more:\n"
                "                    at = position.event_id\n"
                "                    early = Cursor(SCHEMA_VERSION, position.epoch, at, cursor.folder, 0)\n"
                "                    write_cursor(self._root, early)\n"
                "                if upserts or deletions:\n                    self._add(",
            ),
        ),
        (dies_at("index.added"),),
        shows_at_death=True,
    ),
    Mutant(
        "a broker keeps what nobody has acknowledged (trimming)",
        (Edit("queue/redis.py", "tonumber(ARGV[i])], '*'", "tonumber(ARGV[i])], 'MAXLEN', 1, '*'"),),
        (BROKERS,),
    ),
    Mutant(
        "what was marked and never published is found out",
        (Edit("store/announcing.py", "if missing > 0 else []", "if missing > 10**9 else []"),),
        (f"{BROKERS}::test_what_was_marked_and_never_published_is_found_out",),
    ),
    Mutant(
        "a message whose row is taken is forgotten",
        (Edit("store/claiming.py", "key, attempts, is_due in rows if is_due}", "key, attempts, is_due in rows}"),),
        (f"{BROKERS}::test_what_was_announced_twice_is_processed_once",),
    ),
    Mutant(
        "identifiers of events grow with their commits (lock)",
        (Edit("store/events.py", "        await locks.take(connection, locks.EVENTS)\n", ""),),
        (f"{POSTGRES}::test_a_tailing_reader_skips_nothing_while_many_write",),
    ),
)
