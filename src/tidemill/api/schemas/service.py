"""What the service says of itself: health and statistics."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tidemill.telemetry.health import Report


class Check(BaseModel):
    """One thing that the process depends on."""

    model_config = ConfigDict(extra="forbid")

    name: str
    status: Literal["pass", "warn", "fail", "unknown"]
    required: bool = Field(description="Whether the process cannot work without it")
    detail: str
    values: dict[str, float | int | str]
    duration_s: float


class HealthAnswer(BaseModel):
    """The answer of a probe: 200 for `pass` and `warn`, else 503."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["pass", "warn", "fail", "unknown"]
    health: Literal["HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"]
    detail: str
    uptime_s: float
    version: str | None = None
    checks: list[Check] = Field(default_factory=list)


class Statistics(BaseModel):
    """Counts over everything kept."""

    model_config = ConfigDict(extra="forbid")

    documents: dict[str, int] = Field(description="By state")
    visits: dict[str, int] = Field(description="Of unfinished runs, by outcome or open state")
    sources: int
    captures_waiting: int = Field(description="Fetched and not processed yet")
    index_lag: int = Field(description="Changes that are not searchable yet")


def brief_body(report: Report) -> dict[str, Any]:
    """The answer of a probe that anyone may ask: no details of what the process depends on."""
    return {
        "status": report.status.value,
        "health": report.status.word,
        "detail": report.detail,
        "uptime_s": report.uptime_s,
    }


def full_body(report: Report, version: str) -> dict[str, Any]:
    """The answer with every check."""
    checks = [
        {
            "name": check.name,
            "status": check.finding.status.value,
            "required": check.is_hard,
            "detail": check.finding.detail,
            "values": dict(check.finding.values),
            "duration_s": check.duration_s,
        }
        for check in report.checks
    ]
    return brief_body(report) | {"version": version, "checks": checks}
