"""The long-running processes: what they write, how they end, what only tests set."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from tidemill.settings.tree.group import Group


class RolesSettings(Group):
    """The long-running processes: `tidemill crawler`, `processor`, `indexer`, `serve` and `up`."""

    grace_s: float = Field(
        30.0, ge=0, le=3600, description="How long work in flight may go on after SIGTERM before it is given back"
    )
    probe_host: str = Field("127.0.0.1", description="Address of the probes and metrics of crawler, processor, indexer")
    probe_port: int = Field(0, ge=0, le=65_535, description="Their port; 0: any free one, told at the start")


class LoggingSettings(Group):
    """What is written to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field("INFO", description="Least level written")
    format: Literal["auto", "human", "json"] = Field("auto", description="`auto`: human on a terminal, JSON elsewhere")

    @field_validator("level", mode="before")
    @classmethod
    def _accept_lower_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class TestingSettings(Group):
    """What only tests set."""

    crash_at: str = Field(
        "",
        pattern=r"^([a-z]+\.[a-z_]+:[1-9][0-9]{0,5})?$",
        description="`STEP:N`: the process kills itself at that step of the code, the N-th time; empty: never",
    )
