"""Is this process alive, ready, started? A registry of named checks and the three answers made of them.

In: `app` registers what the process depends on. Out: a `Report` for each probe, which the edge turns into 200 or 503.
Hard dependencies decide; soft ones only warn. Each check has a time limit and is asked at most once in `cache_s`,
however many probes come in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from tidemill.telemetry.redact import redact_text


class Status(StrEnum):
    """The answer of a check or a probe, best first."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"

    @property
    def word(self) -> str:
        """HEALTHY, DEGRADED, UNHEALTHY or UNKNOWN."""
        return _WORDS[self]


_WORDS: Mapping[Status, str] = MappingProxyType(
    {Status.PASS: "HEALTHY", Status.WARN: "DEGRADED", Status.FAIL: "UNHEALTHY", Status.UNKNOWN: "UNKNOWN"}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: its status, one sentence, and numbers worth showing (units in their names)."""

    status: Status = Status.PASS
    detail: str = ""
    values: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A finding with the check's name, whether the process can work without it, and how long the answer took."""

    name: str
    is_hard: bool
    finding: Finding
    duration_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of a probe. `is_ok` means 200; otherwise 503. `checks` are sorted by name."""

    status: Status
    detail: str
    uptime_s: float
    checks: tuple[CheckResult, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether the probe is answered with success; a warning is one."""
        return self.status in (Status.PASS, Status.WARN)


Probe = Callable[[], Awaitable[Finding]]


class Health:
    """The checks of one process, and whether it has started or is draining. `clock` gives monotonic seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, cache_s: float = 1.5) -> None:
        self._clock = clock
        self._cache_s = cache_s
        self._began = clock()
        self._checks: dict[str, _Check] = {}
        self._is_started = False
        self._is_draining = False

    def register(self, name: str, probe: Probe, *, is_hard: bool, timeout_s: float = 1.0) -> None:
        """Adds a check. `probe` gives a finding; raising, or taking longer than `timeout_s`, is a failure too."""
        if name in self._checks:
            raise ValueError(f"a health check named {name!r} is registered already; give this one another name")
        self._checks[name] = _Check(name, probe, is_hard, timeout_s, self._clock, self._cache_s)

    def mark_started(self) -> None:
        """The process has done all it needs to do before work."""
        self._is_started = True

    @property
    def is_draining(self) -> bool:
        """Whether the process takes no new work: what would go on for long ends now."""
        return self._is_draining

    def mark_draining(self) -> None:
        """The process takes no new work and will end."""
        self._is_draining = True

    async def livez(self, *, worst_lag_s: float = 5.0) -> Report:
        """Whether the event loop turns: the only thing that a restart cures."""
        before = self._clock()
        await asyncio.sleep(0)
        lag = self._clock() - before
        if lag > worst_lag_s:
            return self._report(Status.FAIL, f"the event loop lags by {lag:.1f} s")
        return self._report(Status.PASS, "the event loop turns")

    async def startupz(self) -> Report:
        """Whether the process has started."""
        if self._is_started:
            return self._report(Status.PASS, "started")
        return self._report(Status.FAIL, "still starting")

    async def readyz(self) -> Report:
        """Whether the process can work: started, not draining, and all hard checks pass. Soft ones only warn."""
        if not self._is_started:
            return self._report(Status.FAIL, "still starting")
        if self._is_draining:
            return self._report(Status.FAIL, "draining")
        return await self.report()

    async def report(self) -> Report:
        """All checks, whatever the state of the process."""
        results = await asyncio.gather(*(check.ask() for _, check in sorted(self._checks.items())))
        failed = [result.name for result in results if _weight(result) is Status.FAIL]
        shaky = [result.name for result in results if _weight(result) is Status.WARN]
        if failed:
            return self._report(Status.FAIL, f"failing: {', '.join(failed)}", tuple(results))
        if shaky:
            return self._report(Status.WARN, f"degraded: {', '.join(shaky)}", tuple(results))
        status = Status.PASS if results else Status.UNKNOWN
        return self._report(status, "all checks pass" if results else "no checks are registered", tuple(results))

    def _report(self, status: Status, detail: str, checks: tuple[CheckResult, ...] = ()) -> Report:
        return Report(status, detail, self._clock() - self._began, checks)


def _weight(result: CheckResult) -> Status:
    """What a result means for the process as a whole."""
    status = result.finding.status
    if status is Status.PASS:
        return Status.PASS
    return Status.FAIL if result.is_hard and status is not Status.WARN else Status.WARN


class _Check:
    """One check with its last answer; those who ask while it is being made wait for the same one."""

    def __init__(
        self, name: str, probe: Probe, is_hard: bool, timeout_s: float, clock: Callable[[], float], cache_s: float
    ) -> None:
        self._name = name
        self._probe = probe
        self._is_hard = is_hard
        self._timeout_s = timeout_s
        self._clock = clock
        self._cache_s = cache_s
        self._turn = asyncio.Lock()
        self._last: tuple[float, CheckResult] | None = None

    async def ask(self) -> CheckResult:
        async with self._turn:
            if self._last is not None and self._clock() - self._last[0] < self._cache_s:
                return self._last[1]
            began = self._clock()
            finding = await self._find()
            answered = self._clock()
            result = CheckResult(self._name, self._is_hard, finding, answered - began)
            self._last = (answered, result)
            return result

    async def _find(self) -> Finding:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._probe()
        except TimeoutError:
            return Finding(Status.FAIL, f"no answer within {self._timeout_s:g} s")
        except Exception as error:  # noqa: BLE001 - whatever a probe raises is what it found
            return Finding(Status.FAIL, redact_text(f"{type(error).__name__}: {error}"))
