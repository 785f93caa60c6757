"""How `tidemill deadletters` shows what it found: causes, letters, one letter, and what a replay would come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemill.cli.output import counted, stdout, table, write_json
from tidemill.cli.session import note

if TYPE_CHECKING:
    from tidemill.manage.deadletters import Tried
    from tidemill.store.deadletters import DeadLetter, Group, Moved

_LEFT = {
    "open": "is open",
    "replayed": "waits already",
    "discarded": "discarded",
    "resolved": "resolved",
    "source_deleted": "of a deleted source",
    "unknown": "unknown",
}


def show_groups(found: list[Group], *, as_json: bool) -> None:
    """The causes, a few lines each."""
    if as_json:
        write_json(found)
        return
    for group in found:
        when = f"{group.first_at:%Y-%m-%d %H:%M} to {group.last_at:%Y-%m-%d %H:%M} UTC"
        place = f" at {group.place}" if group.place else ""
        stdout.print(f"{group.key}  {counted(group.count, 'letter')}, {when}", markup=False, style="bold")
        stdout.print(f"  {group.reason}: {group.error_type}{place}", markup=False)
        stdout.print(f"  {_first_line(group.message)}", markup=False)
        stdout.print(f"  e.g. {group.url} ({group.letter_id})", markup=False)
    note(f"{counted(sum(group.count for group in found), 'dead letter')} of {counted(len(found), 'cause')}")


def show_letters(found: list[DeadLetter], *, as_json: bool) -> None:
    """A table of letters."""
    from tidemill.manage.deadletters import record

    if as_json:
        write_json([record(each) for each in found])
        return
    rows = [(e.id, e.group, e.state, e.reason, e.attempts, f"{e.died_at:%Y-%m-%d %H:%M:%S}", e.url) for e in found]
    table(("dead letter", "group", "state", "reason", "attempts", "died (UTC)", "url"), rows)


def show_letter(letter: DeadLetter, archived: bool) -> None:
    """All that is known of one letter, and the commands that go on with it."""
    settled = f" {letter.settled_at:%Y-%m-%d %H:%M:%S} UTC" if letter.settled_at else ""
    by = f" by {letter.settled_by}" if letter.settled_by else ""
    lines = {
        "url": letter.url,
        "source": letter.source,
        "state": f"{letter.state}{settled}{by}",
        "reason": letter.reason,
        "error": f"{letter.error_type}: {letter.message}",
        "place": letter.place or "unknown: the process ended",
        "group": letter.group,
        "attempts": f"{letter.attempts}, the last {letter.died_at:%Y-%m-%d %H:%M:%S} UTC",
        "run": letter.run_id,
        "capture": f"{letter.capture_id}, fetched {letter.fetched_at:%Y-%m-%d %H:%M:%S} UTC",
        "body": f"{letter.body_hash}{'' if archived else ' (NOT in the archive any more)'}",
    }
    for name, value in lines.items():
        stdout.print(f"{name:<9}{value}", markup=False)
    if letter.trace:
        stdout.print(f"\n{letter.trace.rstrip()}", markup=False)
    stdout.print("\nto try it without storing, and to put it back:", style="bold")
    stdout.print(f"  tidemill deadletters replay {letter.id} --dry-run", markup=False)
    stdout.print(f"  tidemill deadletters replay {letter.id}", markup=False)
    stdout.print("to take it to pieces:", style="bold")
    stdout.print(f"  tidemill deadletters show {letter.id} --body page.html", markup=False)
    stdout.print(f"  tidemill extract page.html --url '{letter.url}' --json", markup=False)


def show_tried(found: list[Tried], *, as_json: bool) -> None:
    """What a replay would come to."""
    records = [each.record() for each in found]
    if as_json:
        write_json(records)
        return
    for each in records:
        stdout.print(each["url"], markup=False, style="bold")
        if not each["ok"]:
            stdout.print(f"  fails again: {each['reason']}: {_first_line(each['message'])}", markup=False)
        elif not each["documents"]:
            stdout.print(f"  gives no document ({each['reason']})", markup=False)
        for given in each.get("documents", ()):
            problems = f", invalid: {', '.join(given['problems'])}" if given["problems"] else ""
            stdout.print(
                f"  gives {given['title'] or '(no title)'}, {counted(given['words'], 'word')}{problems}", markup=False
            )
    failing = sum(not each["ok"] for each in records)
    note(f"{len(records) - failing} would be processed, {failing} would fail again; nothing was stored")


def tell_moved(what: str, moved: Moved) -> None:
    """What became of letters that were to be replayed or discarded."""
    note(f"{counted(len(moved.letter_ids), 'dead letter')} {what}")
    for why, count in moved.left.items():
        note(f"  {count} left as it is: {_LEFT.get(why, why)}")


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0][:200]
