"""No secret gets into a log line, in whatever form it comes; and ordinary values stay as they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tidemill.settings import Settings
from tidemill.telemetry.redact import redact, redact_text

CANARY = "canary7f3a9c41d2"


class Reveals:
    """Something that says too much of itself."""

    def __repr__(self) -> str:
        return f"Reveals(password={CANARY!r})"


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "fields",
    [
        {"password": CANARY},
        {"headers": {"Authorization": f"Bearer {CANARY}", "X-Api-Key": CANARY, "cookie": f"sid={CANARY}"}},
        {"headers": [("Authorization", f"Bearer {CANARY}")], "note": f"authorization: Basic {CANARY}=="},
        {"url": f"https://ann:{CANARY}@example.org/?api_key={CANARY}&token={CANARY}#x"},
        {"database": f"postgresql://ann:{CANARY}@db/tidemill"},
        {"error": f"login failed: password={CANARY}, user=ann"},
        {"error": f'{{"api_key": "{CANARY}", "user": "ann"}}'},
        {"error": f"{{'client_secret': '{CANARY} with blanks'}}"},
        {"error": f"a: b: token: {CANARY} and secret={CANARY}"},
        {"error": f"password='{CANARY} never closed"},
        {"error": f"X-API-Key: {CANARY}"},
        {"error": f"Cookie: a={CANARY}; b={CANARY}"},
        {"error": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{CANARY}.{CANARY}"},
        {"error": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"},  # pragma: allowlist secret
        {"value": SecretStr(CANARY), "values": [SecretStr(CANARY)]},
        {"settings": {"api": {"keys": (SecretStr(CANARY),)}}},
        {"thing": Reveals(), "nested": {"a": {"b": {"c": {"d": {"e": {"f": {"password": CANARY}}}}}}}},
        {"raw": f"password={CANARY}".encode()},
        {"exception": f"Traceback …\nValueError: could not reach redis://:{CANARY}@cache/0"},
        {"secrets": [CANARY], "tokens": {"a": CANARY}},
    ],
)
def test_canary_does_not_get_through(fields: dict[str, object]) -> None:
    assert CANARY not in json.dumps(redact(fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "https://example.org/a?page=2&sort=date", "status": 200, "seconds": 0.25, "ok": True, "none": None},
        {"token_count": 12, "has_password": False, "url_key": "example.org/a", "author": "Ann Key"},
        {"message": "fetched 12 pages: all well, key figures follow", "at": "12:30:45"},
        {"reason": "timeout", "outcome": "failed", "items": ["a", "b"], "counts": {"stored": 3}},
    ],
)
def test_ordinary_values_stay(fields: dict[str, object]) -> None:
    assert redact(fields) == fields


def test_values_become_plain() -> None:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    fields = {"a": when, "b": Path("/x"), "c": Colour.RED, "d": {1}, "e": (1, 2), "f": 2**70, "g": {1: 2}}
    expected = {"a": "2026-01-02T00:00:00+00:00", "b": "/x", "c": "red", "d": [1], "e": [1, 2], "f": str(2**70)}
    assert redact(fields) == {**expected, "g": {"1": 2}}


def test_endless_values_are_cut() -> None:
    assert len(redact_text("x" * 100_000)) < 9_000
    assert len(redact({"many": list(range(10_000))})["many"]) == 100  # type: ignore[arg-type]


def test_control_characters_and_broken_text_become_harmless() -> None:
    assert redact_text("a\x1b[31mb\rc\x00\x9b d\ne\tf\ud800") == "a\\x1b[31mb\\x0dc\\x00\\x9b d\ne\tf\\ud800"


def test_whole_settings_tree_can_be_logged() -> None:
    settings = Settings.model_validate({"api": {"keys": [CANARY]}, "database": {"url": f"postgresql://a:{CANARY}@h/d"}})
    assert CANARY not in json.dumps(redact({"settings": settings, "tree": settings.model_dump()}))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@pytest.mark.thorough
@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_whatever_comes_can_be_written_as_json(fields: dict[str, object]) -> None:
    orjson.dumps(redact(fields))


@given(st.text(), st.text())
def test_a_password_does_not_get_through_whatever_is_around_it(before: str, after: str) -> None:
    assert CANARY not in redact_text(f"{before} password={CANARY} {after}")
