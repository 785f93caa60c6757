"""Dead letters over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tidemill.api.schemas.account import Moment
from tidemill.store.deadletters import DeadLetter, Group, Moved

State = Literal["open", "replayed", "discarded", "resolved"]


class DeadLetterAnswer(BaseModel):
    """A capture that could not be processed. `group` is the key of its cause: the same exception at the same place."""

    model_config = ConfigDict(extra="forbid")

    id: str
    group: str
    state: State
    source: str
    url: str
    reason: str = Field(examples=["timeout"])
    error_type: str
    message: str
    place: str = Field(description="`file:line function`; empty if the process ended without saying")
    attempts: int
    died_at: datetime = Field(description="When it last failed for good")
    settled_at: datetime | None = Field(description="When it was resolved or discarded")
    settled_by: str | None = Field(description="Who discarded it; only in the answer for one letter")
    run_id: str
    capture_id: str
    fetched_at: datetime
    body_hash: str


class FullDeadLetter(DeadLetterAnswer):
    """A letter with its trace."""

    trace: str
    archived: bool = Field(description="Whether the bytes are still in the archive")


class DeadLetterPage(BaseModel):
    """A page of letters by identifier; `next` is the path of the next one."""

    model_config = ConfigDict(extra="forbid")

    items: list[DeadLetterAnswer]
    next: str | None


class DeadLetterGroup(BaseModel):
    """The letters with one cause. `url`, `message` and `letter_id` are those of the newest."""

    model_config = ConfigDict(extra="forbid")

    key: str
    reason: str
    error_type: str
    place: str
    count: int
    first_at: datetime
    last_at: datetime
    letter_id: str
    url: str
    message: str


class DeadLetterGroups(BaseModel):
    """The causes, the most frequent first."""

    model_config = ConfigDict(extra="forbid")

    items: list[DeadLetterGroup]


class LetterSelection(BaseModel):
    """Which letters: those of `ids`, or all open ones that the other fields let through; with `all`, every open one."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(default_factory=list, max_length=1000)
    all: bool = False
    group: str | None = Field(None, min_length=1, max_length=64)
    source: str | None = Field(None, max_length=4096)
    reason: str | None = Field(None, max_length=200)
    since: Moment = Field(None, description="Dead since then; a time without a zone is in UTC")


class MovedLetters(BaseModel):
    """What became of the letters; `left` counts those left as they are by the state, or other reason, for it."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str]
    left: dict[str, int] = Field(examples=[{"replayed": 2}])


def letter_body(letter: DeadLetter) -> dict[str, Any]:
    """The answer for a letter in a list."""
    return {name: getattr(letter, name) for name in DeadLetterAnswer.model_fields}


def full_letter(letter: DeadLetter, archived: bool) -> dict[str, Any]:
    """The answer for one letter."""
    return letter_body(letter) | {"trace": letter.trace, "archived": archived}


def group_list(groups: list[Group]) -> dict[str, Any]:
    """The answer for causes."""
    return {"items": groups}


def moved_body(moved: Moved) -> dict[str, Any]:
    """The answer after a replay or a discarding."""
    return {"ids": moved.letter_ids, "left": dict(moved.left)}
