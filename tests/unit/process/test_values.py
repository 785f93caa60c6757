"""Values as pages write them, made into the types that a rule asks for; and the verbs that come before."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.source import FIELD_TYPES
from tidemill.process.extract.paths import find
from tidemill.process.extract.transforms import MAX_CHARS, apply_transforms, parse_transform
from tidemill.process.extract.values import WHEN, Surroundings, Unreadable, read_value

HERE = Surroundings("https://shop.example/a/b", ZoneInfo("Europe/Madrid"))
UNREADABLE = object()


def read(raw: Any, kind: str, around: Surroundings = HERE) -> Any:
    try:
        return read_value(raw, kind, around).value
    except Unreadable:
        return UNREADABLE


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("1,234.56", 1234.56),
        ("1.234,56 €", 1234.56),
        ("€ 1.234.567,80", 1234567.8),
        ("1 234,50", 1234.5),
        ("1\u202f234,50 kr", 1234.5),
        ("1'234.50 CHF", 1234.5),
        ("$1,234", 1234),
        ("1.234 €", 1234),
        ("1.234.567", 1234567),
        ("0.125", 0.125),
        ("12,5", 12.5),
        (".5", 0.5),
        ("\u22125 °C", -5),
        ("-0,75", -0.75),
        ("A-5", 5),
        ("Price: 19.99 (was 25.00)", 19.99),
        ("3 of 5", 3),
        ("2e3", 2000),
        (7, 7),
        (7.5, 7.5),
        *((junk, UNREADABLE) for junk in ("abc", "1.2.3", "12.345.67", "1,23.4,5", "1e999", True, {}, "—")),
    ],
)
def test_numbers(text: Any, number: Any) -> None:
    found = read(text, "number")
    assert found is number if number is UNREADABLE else found == number


@pytest.mark.parametrize(
    ("text", "english", "german"),
    [("1.234", 1.234, 1234), ("1,234", 1234, 1.234), ("1,5", 1.5, 1.5), ("2.50", 2.5, 2.5)],
)
def test_the_language_decides_what_a_mark_before_three_digits_is(text: str, english: float, german: float) -> None:
    assert read(text, "number") == english
    assert read(text, "number", Surroundings(decimal_comma=True)) == german


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.234", 1234), ("1,234 items", 1234), ("4.0", 4), (4.0, 4), ("No. 7", 7)]
    + [(junk, UNREADABLE) for junk in ("4.5", 4.5, "x", True, 2**63, 1e300)],
)
def test_integers(text: Any, number: Any) -> None:
    found = read(text, "integer")
    assert found is number if number is UNREADABLE else (found, type(found)) == (number, int)


@given(st.integers(-(10**9), 10**9), st.integers(0, 99), st.sampled_from([",.", ".,", "' .", " ,", "'."]))
def test_a_number_is_read_however_it_is_grouped(whole: int, cents: int, marks: str) -> None:
    grouped = f"{whole:,}".replace(",", marks[0])
    assert read(f"{grouped}{marks[-1]}{cents:02}", "number") == pytest.approx(float(f"{whole}.{cents:02}"))
    assert read(whole, "integer") == whole


@pytest.mark.parametrize(
    ("raw", "kind", "value"),
    [
        ("Yes", "boolean", True),
        ("0", "boolean", False),
        (False, "boolean", False),
        ("perhaps", "boolean", UNREADABLE),
        ("../c?d=1", "url", "https://shop.example/c?d=1"),
        ("//cdn.example/x", "url", "https://cdn.example/x"),
        ("javascript:alert(1)", "url", UNREADABLE),
        ("2026-04-03", "date", "2026-04-03"),
        ("2026-04-03T23:30:00+02:00", "date", "2026-04-03"),
        ("soon", "date", UNREADABLE),
        ("2026-04-03T19:00", "datetime", "2026-04-03T19:00:00+02:00"),
        ("2026-04-03", "datetime", "2026-04-03T00:00:00+02:00"),
        ("2026-04-03T19:00Z", "datetime", "2026-04-03T19:00:00+00:00"),
        (1_775_217_600, "datetime", "2026-04-03T12:00:00+00:00"),
        ("2026-04-03", WHEN, "2026-04-03"),
        ("2026-01-03 19:00", WHEN, "2026-01-03T19:00:00+01:00"),
        ('<p onclick="x()">a <a href="/q">b</a><script>c</script></p>', "html", None),
        ({"a": [1]}, "json", {"a": [1]}),
        ({"rendered": "A"}, "text", "A"),
        (5, "text", "5"),
        (True, "text", "true"),
    ],
)
def test_types(raw: Any, kind: str, value: Any) -> None:
    found = read(raw, kind)
    if kind == "html":
        assert 'href="https://shop.example/q"' in found
        assert "onclick" not in found
        assert "script" not in found
    else:
        assert found == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(JSON, st.sampled_from([each for each in (*FIELD_TYPES, WHEN) if each != "json"]))
def test_whatever_is_given_is_read_or_said_to_be_unreadable_and_can_be_stored(raw: Any, kind: str) -> None:
    found = read(raw, kind)
    assert found is UNREADABLE or orjson.dumps(found) is not None or "\ud800" in str(raw)


@pytest.mark.parametrize(
    ("value", "transforms", "made"),
    [
        ("  A  b ", ["strip"], "A  b"),
        ("  A  b\nc ", ["squeeze"], "A b c"),
        ("\n\n one  two\nthree", ["first_line"], "one two"),
        ("Ab", ["lower", "suffix:!", "prefix:: "], ": ab!"),
        ("a, b,,c", ["split:,"], ["a", "b", "c"]),
        ("a, b", ["split:,", "upper", "join: / "], "A / B"),
        (["a", "b"], ["join:-"], "a-b"),
        ("1 to 2", ["replace: to =>–"], "1–2"),
        ("No. 42, 43", [r"regex:(\d+)"], "42"),
        ("No. 42", [r"regex:\d+"], "42"),
        ("none", [r"regex:(\d+)"], None),
        (["x1", "y", "z3"], [r"regex:\d"], ["1", "3"]),
        (" 3.4.2026 ", ["date:%d.%m.%Y"], "2026-04-03"),
        ("03/04/26 19:05", ["date:%d/%m/%y %H:%M"], "2026-04-03T19:05:00"),
        ("tomorrow", ["date:%d.%m.%Y"], "tomorrow"),
        ('{"a": {"b": [1, 2]}}', ["path:a.b.1"], 2),
        ("no json", ["path:a"], None),
        (5, ["suffix: kg"], "5 kg"),
        ({"a": 1}, ["upper"], {"a": 1}),
        (None, ["upper"], None),
    ],
)
def test_transforms(value: Any, transforms: list[str], made: Any) -> None:
    assert apply_transforms(value, tuple(transforms)) == made


@pytest.mark.parametrize(
    "transform",
    [
        "",
        "shout",
        "split",
        "split:",
        "strip:x",
        "regex:(",
        "replace:a",
        "date:%d.%m.",
        "date:%Y-%!",
        "path:a b",
        "join:",
    ],
)
def test_what_is_no_transform_is_told_with_the_way_to_write_it(transform: str) -> None:
    with pytest.raises(ValueError, match=r"(use one of|write|give|correct)"):
        parse_transform(transform)


def test_a_pattern_sees_no_more_than_the_beginning_of_a_long_text() -> None:
    assert apply_transforms("a" * MAX_CHARS + "b", (r"regex:b",)) is None
    assert apply_transforms("b" + "a" * MAX_CHARS, (r"regex:b",)) == "b"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", [{"list": [{"n": 1}, {"n": 2}, {}], "one": {"a": 3, "b": None}}]),
        ("list.0.n", [1]),
        ("list.*.n", [1, 2]),
        ("one.*", [3]),
        ("list.9", []),
        ("list.n", []),
        ("one.b", []),
        ("none.*.x", []),
    ],
)
def test_paths(path: str, found: list[Any]) -> None:
    assert find({"list": [{"n": 1}, {"n": 2}, {}], "one": {"a": 3, "b": None}}, path) == found
