"""What each probe answers, and that checks are limited, cached and asked at the same time."""

from __future__ import annotations

import asyncio

import pytest

from tidemill.telemetry.health import Finding, Health, Status


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def well() -> Finding:
    return Finding(values={"latency_s": 0.001})


async def shaky() -> Finding:
    return Finding(Status.WARN, "one replica is gone")


async def broken() -> Finding:
    raise ConnectionError("cannot reach postgresql://u:canary@h/d")


def started(**checks: tuple[object, bool]) -> Health:
    health = Health()
    for name, (probe, is_hard) in checks.items():
        health.register(name, probe, is_hard=is_hard)  # type: ignore[arg-type]
    health.mark_started()
    return health


@pytest.mark.parametrize(
    ("checks", "status", "detail", "is_ok"),
    [
        ({"database": (well, True), "cache": (well, False)}, Status.PASS, "all checks pass", True),
        ({"database": (well, True), "cache": (broken, False)}, Status.WARN, "degraded: cache", True),
        ({"database": (shaky, True)}, Status.WARN, "degraded: database", True),
        ({"database": (broken, True), "cache": (broken, False)}, Status.FAIL, "failing: database", False),
        ({}, Status.UNKNOWN, "no checks are registered", False),
    ],
)
async def test_hard_checks_decide_and_soft_ones_warn(
    checks: dict[str, tuple[object, bool]], status: Status, detail: str, is_ok: bool
) -> None:
    report = await started(**checks).readyz()
    assert (report.status, report.detail, report.is_ok) == (status, detail, is_ok)
    assert [result.name for result in report.checks] == sorted(checks)


def test_words() -> None:
    assert [status.word for status in Status] == ["HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"]


async def test_life_of_a_process() -> None:
    health = Health()
    health.register("database", well, is_hard=True)
    assert [(await probe()).is_ok for probe in (health.livez, health.startupz, health.readyz)] == [True, False, False]
    health.mark_started()
    assert [(await probe()).is_ok for probe in (health.livez, health.startupz, health.readyz)] == [True, True, True]
    health.mark_draining()
    assert [(await probe()).is_ok for probe in (health.livez, health.startupz, health.readyz)] == [True, True, False]
    assert (await health.readyz()).detail == "draining"


async def test_liveness_asks_no_dependency() -> None:
    assert (await started(database=(broken, True)).livez()).is_ok


async def test_lagging_loop_is_not_alive() -> None:
    clock = Clock()
    health = Health(clock=clock)

    async def hog() -> None:
        clock.now += 9

    task = asyncio.create_task(hog())
    report = await health.livez()
    await task
    assert (report.status, report.detail) == (Status.FAIL, "the event loop lags by 9.0 s")


async def test_failure_is_told_without_secrets() -> None:
    report = await started(database=(broken, True)).report()
    assert report.checks[0].finding.detail == "ConnectionError: cannot reach postgresql://u:***@h/d"


async def test_checks_have_a_time_limit_and_run_at_the_same_time() -> None:
    health = Health()
    both = asyncio.Barrier(2)

    async def meet() -> Finding:
        await both.wait()
        return Finding()

    async def hang() -> Finding:
        await asyncio.Event().wait()
        return Finding()

    health.register("a", meet, is_hard=True)
    health.register("b", meet, is_hard=True)
    health.register("c", hang, is_hard=False, timeout_s=0.01)
    report = await health.report()
    assert report.status is Status.WARN
    assert [result.finding.status for result in report.checks] == [Status.PASS, Status.PASS, Status.FAIL]
    assert report.checks[2].finding.detail == "no answer within 0.01 s"


async def test_answers_are_cached_and_shared() -> None:
    clock, asked = Clock(), 0
    health = Health(clock=clock, cache_s=1.5)

    async def count() -> Finding:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return Finding()

    health.register("database", count, is_hard=True)
    await asyncio.gather(*(health.report() for _ in range(20)))
    assert asked == 1
    clock.now += 1.4
    await health.report()
    assert asked == 1
    clock.now += 0.2
    assert (await health.report()).uptime_s == pytest.approx(1.6)
    assert asked == 2


async def test_caller_who_leaves_spoils_nothing() -> None:
    health, gate = Health(), asyncio.Event()

    async def wait() -> Finding:
        await gate.wait()
        return Finding()

    health.register("database", wait, is_hard=True)
    first = asyncio.create_task(health.report())
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert (await health.report()).status is Status.PASS


def test_name_can_be_taken_once() -> None:
    health = Health()
    health.register("database", well, is_hard=True)
    with pytest.raises(ValueError, match="'database'"):
        health.register("database", well, is_hard=True)
