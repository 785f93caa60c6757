"""Time zones as they are written: offsets, names of the IANA database, and the abbreviations that mean only one zone.

Comes in: what stands behind a time of day; goes out: a `tzinfo`. Called by `times` and by the reader of calendars.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from tidemill.errors import Permanent
from tidemill.models.source import ProcessRules

_OFFSET = re.compile(r"(?:(?:UTC|GMT|UT|Z)\s?)?([+\-\u2212])(\d{1,2})(?::?(\d{2}))?(?::?\d{2})?", re.IGNORECASE)
_IANA = re.compile(r"[A-Za-z_]+(?:/[A-Za-z0-9_+\-]+){1,2}")
_REMARK = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]$")

# Hours from UTC. Those of North America are what RFC 5322 says; IST, AST, SST and the like mean several zones.
_ABBREVIATIONS: dict[str, float] = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10, "NDT": -2.5, "BRT": -3, "ART": -3, "UYT": -3, "CLT": -4, "CLST": -3,
    "BOT": -4, "VET": -4, "COT": -5, "PET": -5,
    "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "OEZ": 2, "OESZ": 3,
    "MSK": 3, "TRT": 3, "SAST": 2, "CAT": 2, "EAT": 3, "PKT": 5, "NPT": 5.75, "ICT": 7, "WIB": 7, "HKT": 8, "SGT": 8,
    "PHT": 8, "AWST": 8, "JST": 9, "KST": 9, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
# Names of what the clocks of a region show, whatever the season.
_REGIONS = {"ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver", "PT": "America/Los_Angeles"}
_UTC_NAMES = frozenset(("Z", "UTC", "GMT", "UT", "UCT", "ZULU"))
_MOST_HOURS = 15  # No place on earth is farther from UTC.


def zone_of(rules: ProcessRules) -> tzinfo | None:
    """The zone of times written without one, by `process.time_zone`.

    Raises `Permanent` (reason `unknown_time_zone`) if there is no such zone.
    """
    if rules.time_zone is None:
        return None
    zone = iana_zone(rules.time_zone)
    if zone is None:
        raise Permanent(
            f"process.time_zone {rules.time_zone!r} is no zone of the IANA database; write one such as Europe/Madrid",
            reason="unknown_time_zone",
        )
    return zone


@lru_cache(maxsize=1024)
def iana_zone(name: str) -> tzinfo | None:
    """The zone of the IANA database that is called so."""
    if name.upper() in _UTC_NAMES:
        return UTC
    try:
        return ZoneInfo(name) if len(name) <= 64 else None
    except (ValueError, OSError, KeyError):  # KeyError: no such zone; OSError: a folder of the database
        return None


def named_zone(text: str, time: datetime, otherwise: tzinfo | None = None) -> tzinfo | None:
    """The zone that `text` means behind the naive `time`; `None` if it means none or several.

    An abbreviation of several meanings is that of `otherwise`, if the clocks there are called so at that time.
    """
    remark = _REMARK.search(text)
    said = text[: remark.start()].strip() if remark else text.strip()
    if not said:  # `10:00 (CET)`
        said = remark[1].strip() if remark else ""
    if said.upper() in _UTC_NAMES:
        return UTC
    if found := _OFFSET.fullmatch(said):
        return _offset(found)
    if _IANA.fullmatch(said):
        return iana_zone(said)
    if otherwise is not None and said and otherwise.tzname(time) == said:
        return otherwise
    if said in _REGIONS:
        return iana_zone(_REGIONS[said])
    hours = _ABBREVIATIONS.get(said.upper())
    return timezone(timedelta(hours=hours)) if hours is not None else None


def in_zone(time: datetime, zone: tzinfo) -> datetime:
    """The naive `time` as the clocks of `zone` show it.

    As RFC 5545 (3.3.5) has it: a time that is there twice is the first of the two, one that a change of clocks leaves
    out is as long after the change as it claims to be after the last moment before it. Raises `OverflowError`.
    """
    return time.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone)


def _offset(found: re.Match[str]) -> tzinfo | None:
    sign, hours, minutes = found[1], int(found[2]), int(found[3] or 0)
    if hours > _MOST_HOURS or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(offset if sign == "+" else -offset) if offset else UTC
