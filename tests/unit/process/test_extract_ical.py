"""A calendar gives one document for each of its events; what is broken in one spoils no other."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import capture

from tidemill.errors import Permanent
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.extract import calendar_parts, ical
from tidemill.process.extract.ical import extract_calendar
from tidemill.process.extract.page import Page
from tidemill.process.extract.recurrence import unroll
from tidemill.process.extract.recurrence_rule import Budget, parse_rule

RULES = ProcessRules()
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


def read(text: str | bytes, rules: ProcessRules = RULES) -> tuple[Draft, ...]:
    body = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
    return extract_calendar(Page(capture("https://quay.example/c.ics", "text/calendar; charset=utf-8"), body, rules))


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
    assert (found.provenance["start"], found.provenance["title"]) == ("ical@1 DTSTART", "ical@1 SUMMARY")
    assert set(found.provenance) == {*found.fields, "title", "content", "markdown", "canonical_url", "tags"}


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
@pytest.mark.parametrize(
    ("rules", "clock", "shown"),
    [
        (ProcessRules(), "", "2026-07-05T15:00:00+00:00"),
        (ProcessRules(), "X-WR-TIMEZONE:America/Bogota", "2026-07-05T15:00:00-05:00"),
        (ProcessRules(time_zone="Europe/Madrid"), "X-WR-TIMEZONE:America/Bogota", "2026-07-05T15:00:00+02:00"),
    ],
)
def test_a_time_in_no_known_zone_is_read_in_that_of_the_source_or_calendar_and_marked(
    start: str, rules: ProcessRules, clock: str, shown: str
) -> None:
    (found,) = read(calendar(clock, event("SUMMARY:x", start)), rules)
    assert (found.fields["start"], found.flags) == (shown, ("zone_assumed",))


def test_a_time_that_a_change_of_clocks_leaves_out_is_after_it() -> None:
    assert times("DTSTART;TZID=Europe/Madrid:20260329T023000")["start"] == "2026-03-29T03:30:00+02:00"


def test_a_calendar_may_define_its_own_zones_wherever_it_likes_and_for_itself_alone() -> None:
    start = "DTSTART;TZID=Quay Time:20260705T150000"
    for offset, shown in (("+0330", "+03:30"), ("-0100", "-01:00")):
        (found,) = read(calendar(event("SUMMARY:x", start), ZONE.format(name="Quay Time", offset=offset)))
        assert found.fields["start"] == f"2026-07-05T15:00:00{shown}"
    assert one("SUMMARY:x", start).flags == ("zone_assumed",)


def test_a_zone_that_the_world_knows_is_not_redefined() -> None:
    start = "DTSTART;TZID=Europe/Madrid:20260105T150000"
    (found,) = read(calendar(ZONE.format(name="Europe/Madrid", offset="+0900"), event("SUMMARY:x", start)))
    assert found.fields["start"] == "2026-01-05T15:00:00+01:00"


def test_guesses_of_the_library_are_not_shouted_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one("SUMMARY:x", "DTSTART;TZID=/v.example/Europe/Madrid:20260105T150000").title == "x"


def starts(*lines: str) -> list[str]:
    found = one("UID:s", "SUMMARY:x", *lines).fields["occurrences"]
    assert isinstance(found, list)
    return [str(each) for each in found]


def test_a_series_is_one_document_and_its_moved_and_cancelled_events_are_others() -> None:
    series = event("UID:s", "SUMMARY:Weekly", "DTSTART:20260105T150000Z", "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO")
    moved = event("UID:s", "SUMMARY:Late", "DTSTART:20260113T150000Z", "RECURRENCE-ID:20260112T150000Z")
    off = event("UID:s", "STATUS:CANCELLED", "RECURRENCE-ID:20260119T150000Z")
    found = read(calendar(off, series, moved))
    assert {draft.title: draft.fields["start"] for draft in found[1:]} == {
        "Weekly": "2026-01-05T15:00:00+00:00",
        "Late": "2026-01-13T15:00:00+00:00",
    }
    assert (found[0].title, found[0].fields["start"]) == ("Weekly", "2026-01-19T15:00:00+00:00")
    assert [draft.fields.get("status") for draft in found] == ["cancelled", None, None]
    assert found[1].fields["rrule"] == "FREQ=WEEKLY;COUNT=4;BYDAY=MO"
    assert found[1].fields["occurrences"] == ["2026-01-05T15:00:00+00:00", "2026-01-26T15:00:00+00:00"]
    assert ["occurrences" in draft.fields for draft in found] == [False, True, False]
    assert len({draft.item_key for draft in found}) == 3


def test_a_series_keeps_its_time_of_day_when_the_clocks_change() -> None:
    assert starts("DTSTART;TZID=Europe/Madrid:20260322T190000", "RRULE:FREQ=WEEKLY;UNTIL=20260405T170000Z") == [
        "2026-03-22T19:00:00+01:00",
        "2026-03-29T19:00:00+02:00",
        "2026-04-05T19:00:00+02:00",
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["DTSTART:20260105", "RRULE:FREQ=DAILY;COUNT=3"], ["2026-01-05", "2026-01-06", "2026-01-07"]),
        (["DTSTART:20260105", "RRULE:FREQ=DAILY;UNTIL=20260107"], ["2026-01-05", "2026-01-06", "2026-01-07"]),
        (["DTSTART:20260105", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260106"], ["2026-01-05", "2026-01-07"]),
        (["DTSTART:20260105", "RDATE:20260301,20260201"], ["2026-01-05", "2026-02-01", "2026-03-01"]),
        (["DTSTART:20260131", "RRULE:FREQ=MONTHLY;COUNT=3"], ["2026-01-31", "2026-03-31", "2026-05-31"]),
        (["DTSTART:20240229", "RRULE:FREQ=YEARLY;COUNT=2"], ["2024-02-29", "2028-02-29"]),
        (["DTSTART:20260112", "RRULE:FREQ=MONTHLY;BYDAY=2MO;COUNT=2"], ["2026-01-12", "2026-02-09"]),
        (["DTSTART:20260130", "RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=2"], ["2026-01-30", "2026-02-27"]),
        (["DTSTART:20260105", "RRULE:FREQ=DAILY;COUNT=0"], []),
    ],
)
def test_whole_days_come_back_as_days(lines: list[str], expected: list[str]) -> None:
    assert starts(*lines) == expected


@pytest.mark.parametrize(
    "exception",
    ["EXDATE;TZID=Europe/Madrid:20260706T190000", "EXDATE:20260706T170000Z", "EXDATE;VALUE=DATE:20260706"],
)
def test_an_exception_may_be_written_in_any_way(exception: str) -> None:
    series = ("DTSTART;TZID=Europe/Madrid:20260705T190000", "RRULE:FREQ=DAILY;COUNT=2")
    assert starts(*series, exception) == ["2026-07-05T19:00:00+02:00"]


def test_the_start_of_a_series_is_its_first_occurrence_whatever_its_rule_says() -> None:
    rule = "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=2"
    assert starts("DTSTART:20260105", rule) == ["2026-01-05", "2026-01-06"]


def test_a_series_without_an_end_is_cut_and_says_so() -> None:
    endless = one("SUMMARY:x", "DTSTART:20260105", "RRULE:FREQ=DAILY").fields
    assert (len(endless["occurrences"]), endless["occurrences_truncated"]) == (500, True)  # type: ignore[arg-type]
    assert "occurrences_truncated" not in one("SUMMARY:x", "DTSTART:20260105", "RRULE:FREQ=DAILY;COUNT=500").fields


@pytest.mark.parametrize(
    "rule", ["FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYWEEKNO=53"]
)
def test_a_rule_that_no_day_fulfils_is_given_up_after_some_steps(rule: str) -> None:
    budget = Budget(30_000)
    found = list(unroll(parse_rule(rule), datetime(2026, 1, 1), budget))  # noqa: DTZ001
    assert len(found) < 200
    assert budget.left > -100


@pytest.mark.parametrize(
    "rule", ["FREQ=NEVER", "FREQ=DAILY;UNTIL=101010", "FREQ=DAILY;UNTIL=P1D", "FREQ=YEARLY;BYMONTH=5L", "BYDAY=MO"]
)
def test_a_rule_that_nobody_understands_makes_no_series(rule: str) -> None:
    found = one("SUMMARY:x", "DTSTART:20260105", f"RRULE:{rule}")
    assert set(found.fields) == {"start", "all_day"}


def test_all_series_of_a_calendar_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ical, "STEPS_OF_CALENDAR", 3_000)
    events = [event(f"UID:{n}", f"SUMMARY:{n}", "DTSTART:20260105", "RRULE:FREQ=DAILY") for n in range(9)]
    found = read(calendar(*events))
    assert all(draft.fields["occurrences_truncated"] for draft in found)
    counts = [len(list(draft.fields["occurrences"])) for draft in found]  # type: ignore[arg-type]
    assert (counts[0], counts[-1]) == (500, 1)


FREQ = st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"])
PARTS = st.fixed_dictionaries(
    {"FREQ": FREQ},
    optional={
        "INTERVAL": st.integers(1, 4),
        "BYMONTH": st.integers(1, 12),
        "BYMONTHDAY": st.sampled_from([1, 13, 28, 30, 31, -1, -2]),
        "BYDAY": st.sampled_from(["MO", "TU,TH", "SU", "FR,SA"]),
        "BYHOUR": st.sampled_from(["9", "9,21"]),
        "BYSETPOS": st.sampled_from(["1", "-1", "1,-1"]),
        "WKST": st.sampled_from(["MO", "SU"]),
        "COUNT": st.integers(1, 9),
    },
)


@given(PARTS, st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001
def test_rules_mean_what_dateutil_takes_them_to_mean(parts: dict[str, object], start: datetime) -> None:
    start = start.replace(microsecond=0)
    text = ";".join(f"{name}={value}" for name, value in parts.items() if name != "BYSETPOS" or len(parts) > 2)
    budget = Budget(30_000)
    found = list(islice(unroll(parse_rule(text), start, budget), 20))
    if budget.is_spent or found[-1].year > 2080:
        return
    by = rrulestr(text, dtstart=start)
    # For dateutil a start that the rule does not give is none.
    expected = list(islice((each for each in by if each != start), len(found)))
    assert found[0] == start
    assert found[1:] == expected[: len(found) - 1]


def test_a_message_that_cancels_its_events_says_so_of_each() -> None:
    first = calendar("METHOD:CANCEL", event("UID:1", "SUMMARY:a", "DTSTART:20260105", "STATUS:CONFIRMED"))
    second = calendar("METHOD:PUBLISH", event("UID:2", "SUMMARY:b", "DTSTART:20260105"))
    assert [draft.fields.get("status") for draft in read(first + second)] == ["cancelled", None]


@pytest.mark.thorough
def test_a_zone_defined_by_rules_has_summer_time() -> None:
    part = "BEGIN:{0}\nDTSTART:16010101T0{1}0000\nTZOFFSETFROM:+0{2}00\nTZOFFSETTO:+0{3}00\nRRULE:{4}\nEND:{0}"
    summer = part.format("DAYLIGHT", 2, 1, 2, "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3")
    winter = part.format("STANDARD", 3, 2, 1, "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10")
    zone = f"BEGIN:VTIMEZONE\nTZID:Home\n{winter}\n{summer}\nEND:VTIMEZONE"
    madrid = ZoneInfo("Europe/Madrid")
    for day in ("20260328", "20260329", "20260330", "20261024", "20261025", "20261026"):
        for hour in ("00", "01", "02", "03", "04", "12"):
            (found,) = read(calendar(zone, event("SUMMARY:x", f"DTSTART;TZID=Home:{day}T{hour}3000")))
            time = datetime.strptime(f"{day}{hour}30", "%Y%m%d%H%M").replace(tzinfo=madrid)
            assert found.fields["start"] == time.astimezone(UTC).astimezone(madrid).isoformat()


@pytest.mark.thorough
@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=YEARLY;BYHOUR=0,1,2,3;BYMINUTE=0,1,2,3,4,5", "FREQ=NEVER"])
def test_a_hostile_zone_costs_nothing(rule: str) -> None:
    zone = ZONE.format(name="Quay", offset="+0100").replace("TZOFFSETFROM", f"RRULE:{rule}\nTZOFFSETFROM")
    (found,) = read(calendar(*[zone] * 50, event("SUMMARY:x", "DTSTART;TZID=Quay:20260105T150000")))
    assert str(found.fields["start"]).startswith("2026-01-05T15:00:00+0")


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
    monkeypatch.setattr(calendar_parts, "MAX_EVENTS", 3)
    events = [event(f"UID:{n}", f"SUMMARY:{n}", "DTSTART:20260105") for n in range(4)]
    assert [draft.flags for draft in read(calendar(*events))] == [("truncated",)] * 3
    assert [draft.flags for draft in read(calendar(*events[:3]))] == [()] * 3


LINE = st.text(max_size=12) | st.sampled_from(
    [
        *(f"{mark}:{name}" for mark in ("BEGIN", "END") for name in ("VEVENT", "VTIMEZONE", "VALARM", "STANDARD")),
        *("SUMMARY:x", "TZID:x", "DTSTART:20260105", "DTSTART;TZID=x:20260105T100000", "RRULE:FREQ=DAILY"),
        *("EXDATE:20260105", "RDATE;VALUE=PERIOD:20260105T100000Z/P1D", "TZOFFSETTO:+0100", "METHOD:CANCEL", "UID:1"),
        *("RRULE:FREQ=YEARLY;BYMONTHDAY=30;BYMONTH=2;UNTIL=99991231T235959Z", "DTSTART:99991231T235959Z"),
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
