"""A calendar gives one document for each of its events; what is broken in one spoils no other."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import capture

from tidemill.errors import Permanent
from tidemill.models.document import Draft
from tidemill.process.extract import ical
from tidemill.process.extract.ical import extract_calendar
from tidemill.process.extract.page import Page

WALK = """UID:walk@quay.example
DTSTART:20260405T150000Z
DTEND:20260405T163000Z
SUMMARY:A walk\\, by lantern
DESCRIPTION:Bring a lantern\\nand a frie
 nd.
LOCATION:Pilot Street\\, Quay
URL:https://quay.example/walk
ORGANIZER;CN="Weir, Ann":mailto:ann@quay.example
STATUS:CONFIRMED
CATEGORIES:walks,day\\,night
CATEGORIES:walks
SEQUENCE:2"""
ZONE = """BEGIN:VTIMEZONE
TZID:{name}
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:{offset}
TZOFFSETTO:{offset}
END:STANDARD
END:VTIMEZONE"""


def event(*lines: str) -> str:
    return "\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT"))


def calendar(*parts: str) -> str:
    return "\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", *parts, "END:VCALENDAR", ""))


def read(text: str | bytes) -> tuple[Draft, ...]:
    body = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
    return extract_calendar(Page(capture("https://quay.example/c.ics", "text/calendar; charset=utf-8"), body))


def one(*lines: str) -> Draft:
    (only,) = read(calendar(event(*lines)))
    return only


def times(*lines: str) -> dict[str, Any]:
    found = one("SUMMARY:x", *lines)
    return {name: found.fields[name] for name in ("start", "end", "all_day") if name in found.fields}


def test_an_event_with_all_that_it_may_have() -> None:
    found = one(WALK)
    assert (found.kind, found.title) == ("event", "A walk, by lantern")
    assert found.content == "Bring a lantern\nand a friend."
    assert found.canonical_url == "https://quay.example/walk"
    assert found.tags == ("walks", "day,night")
    assert found.fields == {
        "start": "2026-04-05T15:00:00+00:00",
        "end": "2026-04-05T16:30:00+00:00",
        "all_day": False,
        "location": "Pilot Street, Quay",
        "url": "https://quay.example/walk",
        "organizer": "Weir, Ann",
        "status": "confirmed",
    }
    assert found.flags == ()
    assert found.provenance["start"] == found.provenance["title"] == "ical"


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        ("DTSTART:20260705T150000Z", "2026-07-05T15:00:00+00:00"),
        ("DTSTART;TZID=Europe/Madrid:20260705T150000", "2026-07-05T15:00:00+02:00"),
        ("DTSTART;TZID=W. Europe Standard Time:20260705T150000", "2026-07-05T15:00:00+02:00"),
        ("DTSTART;TZID=/v.example/Europe/Madrid:20260105T150000", "2026-01-05T15:00:00+01:00"),
        ("DTSTART:junk\nDTSTART:20260705T150000Z", "2026-07-05T15:00:00+00:00"),
    ],
)
def test_times_keep_the_zone_they_were_written_in(start: str, shown: str) -> None:
    assert times(start) == {"start": shown, "all_day": False}


@pytest.mark.parametrize(
    ("start", "end", "last_day"),
    [
        ("DTSTART;VALUE=DATE:20260705", "DTEND;VALUE=DATE:20260706", "2026-07-05"),
        ("DTSTART;VALUE=DATE:20260705", "DTEND;VALUE=DATE:20260708", "2026-07-07"),
        ("DTSTART;VALUE=DATE:20260705", "DTEND;VALUE=DATE:20260705", "2026-07-05"),
        ("DTSTART;VALUE=DATE:20260705", "DURATION:P2D", "2026-07-06"),
        ("DTSTART:20260705", "DTEND:20260706T000000Z", "2026-07-05"),
    ],
)
def test_whole_days_end_with_their_last_day(start: str, end: str, last_day: str) -> None:
    assert times(start, end) == {"start": "2026-07-05", "end": last_day, "all_day": True}


@pytest.mark.parametrize(
    ("end", "shown"),
    [
        ("DTEND:20260705T163000Z", {"end": "2026-07-05T16:30:00+00:00"}),
        ("DURATION:PT90M", {"end": "2026-07-05T16:30:00+00:00"}),
        ("DTEND:junk", {}),
        ("DTEND;VALUE=DATE:20260706", {}),
        ("LOCATION:no end", {}),
    ],
)
def test_an_end_is_told_or_computed(end: str, shown: dict[str, str]) -> None:
    assert times("DTSTART:20260705T150000Z", end) == {"start": "2026-07-05T15:00:00+00:00", "all_day": False, **shown}


@pytest.mark.parametrize("start", ["DTSTART:20260705T150000", "DTSTART;TZID=Nowhere:20260705T150000"])
def test_a_time_in_no_known_zone_stays_without_and_is_marked(start: str) -> None:
    found = one("SUMMARY:x", start)
    assert (found.fields["start"], found.flags) == ("2026-07-05T15:00:00", ("naive_time",))


def test_a_calendar_may_define_its_own_zones_wherever_it_likes_and_for_itself_alone() -> None:
    start = "DTSTART;TZID=Quay Time:20260705T150000"
    for offset, shown in (("+0330", "+03:30"), ("-0100", "-01:00")):
        (found,) = read(calendar(event("SUMMARY:x", start), ZONE.format(name="Quay Time", offset=offset)))
        assert found.fields["start"] == f"2026-07-05T15:00:00{shown}"
    assert one("SUMMARY:x", start).flags == ("naive_time",)


def test_a_zone_that_the_world_knows_is_not_redefined() -> None:
    start = "DTSTART;TZID=Europe/Madrid:20260105T150000"
    (found,) = read(calendar(ZONE.format(name="Europe/Madrid", offset="+0900"), event("SUMMARY:x", start)))
    assert found.fields["start"] == "2026-01-05T15:00:00+01:00"


def test_guesses_of_the_library_are_not_shouted_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one("SUMMARY:x", "DTSTART;TZID=/v.example/Europe/Madrid:20260105T150000").title == "x"


def test_a_series_is_one_document_and_its_moved_event_another() -> None:
    series = event("UID:s", "SUMMARY:Weekly", "DTSTART:20260105T150000Z", "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO")
    moved = event("UID:s", "SUMMARY:Late", "DTSTART:20260113T150000Z", "RECURRENCE-ID:20260112T150000Z")
    found = read(calendar(series, moved))
    assert [draft.title for draft in found] == ["Weekly", "Late"]
    assert found[0].fields["rrule"] == "FREQ=WEEKLY;COUNT=4;BYDAY=MO"
    assert found[0].item_key != found[1].item_key


def test_an_event_keeps_its_key_when_all_but_its_uid_changes() -> None:
    one_day, another = one(WALK), one(WALK.replace("20260405", "20260412").replace("walk,", "run,").replace(":2", ":3"))
    assert one_day.item_key == another.item_key
    assert one_day.item_key != one(WALK.replace("UID:walk", "UID:run")).item_key


@pytest.mark.parametrize(
    ("first", "second", "kept"), [("1", "2", "new"), ("2", "1", "old"), ("1", "1", "new"), ("x", "0", "new")]
)
def test_of_several_versions_of_an_event_the_last_counts(first: str, second: str, kept: str) -> None:
    versions = [("old", first), ("new", second)]
    events = (event("UID:1", f"SUMMARY:{title}", "DTSTART:20260105", f"SEQUENCE:{n}") for title, n in versions)
    (found,) = read(calendar(*events))
    assert found.title == kept


def test_events_without_a_uid_are_told_apart() -> None:
    told = [("a", 5), ("b", 5), ("a", 6)]
    found = read(calendar(*(event(f"SUMMARY:{title}", f"DTSTART:2026010{day}") for title, day in told)))
    assert len({draft.item_key for draft in found}) == 3


@pytest.mark.parametrize(
    "broken",
    [
        event("SUMMARY:no time"),
        event("DTSTART:20260105T150000Z"),
        event("SUMMARY:junk", "DTSTART:junk"),
        event("SUMMARY:junk", "DTSTART:99999999T999999Z"),
        "BEGIN:VEVENT\nSUMMARY:never ends",
        "BEGIN:VEVENT\nSUMMARY:crossed\nBEGIN:VALARM\nEND:VEVENT",
        "BEGIN:VTIMEZONE\nTZID:x\nBEGIN:STANDARD\nRRULE:junk\nEND:STANDARD\nEND:VTIMEZONE",
        "BEGIN:VTIMEZONE\nTZID:x\nEND:VTIMEZONE",
        "no colon here\n: nor a name\nX;=:y",
        event("SUMMARY:hostile", "DTSTART:20260105T150000Z", "DESCRIPTION:" + "<div>" * 20_000),
        event("SUMMARY:end of days", "DTSTART:99991231T000000Z", "DURATION:P9999999D"),
        "END:VEVENT\nEND:VCALENDAR\nBEGIN:VCALENDAR",
    ],
)
def test_a_broken_event_spoils_no_other(broken: str) -> None:
    good = event(WALK)
    found = read(calendar(good, broken, good.replace("walk@", "run@")))
    assert [draft.title for draft in found] == ["A walk, by lantern"] * 2


def test_what_is_wrong_with_one_property_costs_only_that() -> None:
    broken = ("RRULE:FREQ=NEVER", "no colon", "SEQUENCE:x", "URL:not a url", "ORGANIZER:")
    assert one("SUMMARY:x", "DTSTART:20260105", *broken, "LOCATION:here").fields == {
        "start": "2026-01-05",
        "all_day": True,
        "location": "here",
    }


def test_an_alarm_is_no_part_of_its_event() -> None:
    alarm = "BEGIN:VALARM\nSUMMARY:wake\nDESCRIPTION:up\nTRIGGER:-PT15M\nEND:VALARM"
    assert one("SUMMARY:x", "DTSTART:20260105T150000Z", alarm).title == "x"
    assert one(alarm, "SUMMARY:x", "DTSTART:20260105T150000Z").content == ""


def test_html_is_shown_as_text() -> None:
    found = one(
        "SUMMARY:x",
        "DTSTART:20260105T150000Z",
        "DESCRIPTION:<p>one &amp\\; <b>two</b></p><br>three<script>x()</script>",
    )
    assert [line for line in found.content.split("\n") if line] == ["one & two", "three"]


def test_without_a_summary_the_description_gives_the_title() -> None:
    assert one("DTSTART:20260105", "DESCRIPTION:First line\\nsecond").title == "First line"


def test_the_calendars_name_is_the_site_of_its_events() -> None:
    (found,) = read(calendar("X-WR-CALNAME:Quay\\, north", event(WALK)))
    assert found.site_name == "Quay, north"


@pytest.mark.parametrize(
    "text", ["", "BEGIN:VEVENT\nEND:VEVENT", "<html>no</html>", "BEGIN:VCARD\nEND:VCARD", calendar(event("SUMMARY:x"))]
)
def test_what_is_no_calendar_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Permanent) as caught:
        read(text)
    assert caught.value.reason == "bad_calendar"


@pytest.mark.parametrize("text", [calendar(), calendar("BEGIN:VTODO\nSUMMARY:do\nEND:VTODO"), "\ufeff\n" + calendar()])
def test_a_calendar_without_events_gives_none(text: str) -> None:
    assert read(text) == ()


def test_a_calendar_in_another_charset_is_read() -> None:
    page = capture("https://quay.example/c.ics", "text/calendar; charset=iso-8859-1")
    body = calendar(event("SUMMARY:Café", "DTSTART:20260105")).encode("iso-8859-1")
    (found,) = extract_calendar(Page(replace(page), body))
    assert found.title == "Café"


def test_a_huge_calendar_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ical, "MAX_EVENTS", 3)
    events = [event(f"UID:{n}", f"SUMMARY:{n}", "DTSTART:20260105") for n in range(4)]
    assert [draft.flags for draft in read(calendar(*events))] == [("truncated",)] * 3
    assert [draft.flags for draft in read(calendar(*events[:3]))] == [()] * 3


LINE = st.text(max_size=12) | st.sampled_from(
    [
        *(f"{mark}:{name}" for mark in ("BEGIN", "END") for name in ("VEVENT", "VTIMEZONE", "VALARM", "STANDARD")),
        *("SUMMARY:x", "TZID:x", "DTSTART:20260105", "DTSTART;TZID=x:20260105T100000", "RRULE:FREQ=DAILY"),
        *("CATEGORIES:", "URL:", "ORGANIZER:", "DURATION:P1D", "RECURRENCE-ID:20260105", " folded"),
    ]
)


@given(st.lists(LINE, max_size=12))
def test_rubbish_is_read_or_refused_and_nothing_else(lines: list[str]) -> None:
    try:
        drafts = read(calendar(*lines).encode("utf-8", "replace"))
    except Permanent as error:
        assert error.reason in {"bad_calendar", "undecodable"}  # noqa: PT017
    else:
        assert all(draft.title and draft.fields["start"] for draft in drafts)


@pytest.mark.parametrize("zone", ["Europe", "A" * 5_000, "../../etc/passwd"])
def test_a_zone_that_is_no_file_spoils_no_other_event(zone: str) -> None:
    odd = event(f"DTSTART;TZID={zone}:20260101T100000", "SUMMARY:odd", "UID:1")
    drafts = read(calendar(odd, event("DTSTART:20260101T100000Z", "SUMMARY:good", "UID:2")))
    assert "good" in [draft.title for draft in drafts]
