"""A job that is offered: by whom, where, for how much, until when.

Comes in: a `JobPosting` (schema.org); goes out: a `Reading` with its fields. Called by `structured`.
"""

from __future__ import annotations

import re

from tidemill.models.document import Json
from tidemill.process.extract.typed.places import place_lines
from tidemill.process.extract.typed.reading import Reading
from tidemill.process.extract.typed.values import line_of, number_of, numbers_of, slug_of

_UNITS = {
    "ann": "year", "hur": "hour", "day": "day", "mon": "month", "wee": "week", "yr": "year", "hr": "hour",
    "yearly": "year", "annual": "year", "annually": "year", "annum": "year", "per_annum": "year", "year": "year",
    "monthly": "month", "month": "month", "weekly": "week", "week": "week", "daily": "day", "hourly": "hour",
    "hour": "hour",
}  # fmt: skip
_SYMBOLS = (("€", "EUR"), ("£", "GBP"), ("₹", "INR"), ("$", "USD"))
_CODE = re.compile(r"\b[A-Z]{3}\b")
_THOUSANDS = re.compile(r"(\d)\s?[kK]\b")
_REMOTE = re.compile(r"\b(?:remote|telecommute|home ?office|teletrabajo|remoto)\b", re.IGNORECASE)
_JOINED_UP = {"fulltime": "full_time", "parttime": "part_time"}


def read_job(reading: Reading) -> None:
    """Puts the fields of a job. `remote` is whether it can be done from anywhere."""
    reading.text("title", "title", "name")
    reading.describe("description")
    reading.put("name", reading.texts.get("title"), "title")
    reading.image("image", "hiringOrganization.logo")
    reading.time("published_at", "datePosted")
    reading.joined("organization", "hiringOrganization", "hiringOrganization.legalName")
    reading.url("organization_url", "hiringOrganization.sameAs", "hiringOrganization.url")
    places = [line for value in reading.at("jobLocation") for line in place_lines(reading.store, value)]
    reading.put("location", "; ".join(dict.fromkeys(places)) or None, "jobLocation")
    reading.joined("applicant_location", "applicantLocationRequirements")
    _read_remote(reading)
    types = [slug for value in reading.at("employmentType") for slug in _employment(value)]
    reading.put("employment_type", ", ".join(dict.fromkeys(types)) or None, "employmentType")
    for path in ("baseSalary", "estimatedSalary"):
        for value in reading.at(path):
            _read_salary(reading, value, path)
    if "salary_min" in reading.fields or "salary_max" in reading.fields:
        reading.first("salary_currency", _code, "salaryCurrency")
    reading.iso("date_posted", "datePosted")
    reading.iso("valid_through", "validThrough")
    reading.joined("industry", "industry", "occupationalCategory")
    reading.first("identifier", _identifier, "identifier")
    reading.url("url", "url")


def _read_remote(reading: Reading) -> None:
    kinds = [line_of(value) or "" for value in reading.at("jobLocationType")]
    if any(_REMOTE.search(kind) for kind in kinds):
        reading.put("remote", True, "jobLocationType")
    elif isinstance(place := reading.fields.get("location"), str):
        reading.put("remote", _REMOTE.fullmatch(place.split(",")[0].strip()) is not None, "jobLocation")


def _employment(value: Json) -> list[str]:
    """`full_time`, `part_time`, `contractor` …"""
    parts = re.split("[,/;]", line_of(value) or "")
    slugs = [slug for part in parts if (slug := slug_of(part.strip()))]
    return [_JOINED_UP.get(slug, slug) for slug in slugs]


def _read_salary(reading: Reading, value: Json, path: str) -> None:
    """An amount or a range, of money and per time, in any of the forms that are in use."""
    if not isinstance(value, dict):
        _read_said_salary(reading, line_of(value) or "", path)
        return
    inner = next(iter(reading.at("value", value)), None)
    amounts = inner if isinstance(inner, dict) else value
    exact = _amount(amounts.get("value")) if not isinstance(amounts.get("value"), dict | list) else None
    low = _amount(amounts.get("minValue"))
    high = _amount(amounts.get("maxValue"))
    if low is None and high is None and exact is None:
        _read_said_salary(reading, line_of(inner) or "", path)
    reading.put("salary_min", low if low is not None else exact, f"{path}.value.minValue")
    reading.put("salary_max", high if high is not None else exact, f"{path}.value.maxValue")
    if "salary_min" in reading.fields or "salary_max" in reading.fields:
        reading.put(
            "salary_currency", _code(value.get("currency")) or _code(amounts.get("currency")), f"{path}.currency"
        )
        units = (amounts.get("unitText"), amounts.get("unitCode"), value.get("unitText"), value.get("unitCode"))
        reading.put(
            "salary_unit", next((unit for given in units if (unit := _unit(given))), None), f"{path}.value.unitText"
        )


def _read_said_salary(reading: Reading, text: str, path: str) -> None:
    """A salary in words: `$50,000 - $60,000 a year`."""
    numbers = numbers_of(_THOUSANDS.sub(r"\g<1>,000", text))[:2]
    if not numbers:
        return
    reading.put("salary_min", min(numbers), path)
    reading.put("salary_max", max(numbers), path)
    code = _CODE.search(text)
    reading.put("salary_currency", code[0] if code else next((c for s, c in _SYMBOLS if s in text), None), path)
    words = re.findall("[a-z]+", text.lower())
    reading.put("salary_unit", next((_UNITS[word] for word in words if word in _UNITS), None), path)


def _amount(value: Json) -> float | None:
    """A number, also with a `k` for thousands."""
    return number_of(_THOUSANDS.sub(r"\g<1>,000", value) if isinstance(value, str) else value)


def _unit(value: Json) -> str | None:
    slug = slug_of(value) or ""
    return _UNITS.get(slug.removeprefix("per_").removeprefix("a_"))


def _code(value: Json) -> str | None:
    code = (line_of(value) or "").upper()
    return code if re.fullmatch("[A-Z]{3}", code) else None


def _identifier(value: Json) -> str | None:
    return line_of(value.get("value")) if isinstance(value, dict) and value.get("value") else line_of(value)
