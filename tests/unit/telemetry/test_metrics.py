"""Names, units and labels of the metrics; hooks that fail do not spoil a scrape."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.crawl.making import visit

from tidemill.models.pool import PoolState
from tidemill.models.visit import Fetched
from tidemill.telemetry.metrics import Metrics


def samples(metrics: Metrics) -> dict[str, float]:
    text, kind = metrics.render()
    assert kind.startswith("text/plain; version=0.0.4")
    return {
        sample.name + "".join(f",{key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def test_each_verb_counts_what_it_names() -> None:
    metrics = Metrics()
    fine = Fetched(visit(), status_code=200, elapsed_s=0.5, received_bytes=10)
    metrics.observe_fetches([fine, Fetched(visit(), reason="timeout", elapsed_s=1.5)])
    metrics.count_retry("timeout")
    metrics.count_visit("stored", 3)
    metrics.observe_archived(7, 0.1)
    metrics.observe_capture("done", 0.2)
    metrics.observe_batch("crawl", 0.3)
    metrics.observe_index(seconds=0.4, documents=5)
    metrics.set_index_lag(3)
    metrics.observe_query(0.01)
    metrics.observe_http(method="GET", route="/documents/{id}", status_code=404, seconds=0.02)
    found = samples(metrics)
    assert {name: value for name, value in found.items() if value and not name.startswith("process_")} == {
        "tidemill_build_info,version=0.1.0": 1,
        "tidemill_fetch_requests_total,reason=ok,status=2xx": 1,
        "tidemill_fetch_requests_total,reason=timeout,status=none": 1,
        "tidemill_fetch_duration_seconds_count": 2,
        "tidemill_fetch_duration_seconds_sum": 2,
        "tidemill_fetch_received_bytes_total": 10,
        "tidemill_fetch_retries_total,reason=timeout": 1,
        "tidemill_visits_total,outcome=stored": 3,
        "tidemill_archive_bodies_total": 7,
        "tidemill_archive_batch_duration_seconds_count": 1,
        "tidemill_archive_batch_duration_seconds_sum": 0.1,
        "tidemill_captures_processed_total,priority=medium,result=done": 1,
        "tidemill_capture_duration_seconds_count": 1,
        "tidemill_capture_duration_seconds_sum": 0.2,
        "tidemill_batch_commit_duration_seconds_count,stage=crawl": 1,
        "tidemill_batch_commit_duration_seconds_sum,stage=crawl": 0.3,
        "tidemill_index_commits_total": 1,
        "tidemill_index_documents_total": 5,
        "tidemill_index_commit_duration_seconds_count": 1,
        "tidemill_index_commit_duration_seconds_sum": 0.4,
        "tidemill_index_lag_events": 3,
        "tidemill_search_duration_seconds_count,result=ok": 1,
        "tidemill_search_duration_seconds_sum,result=ok": 0.01,
        "tidemill_http_requests_total,method=GET,route=/documents/{id},status=404": 1,
        "tidemill_http_request_duration_seconds_count,method=GET,route=/documents/{id}": 1,
        "tidemill_http_request_duration_seconds_sum,method=GET,route=/documents/{id}": 0.02,
    }


def test_visitors_make_no_series() -> None:
    metrics = Metrics()
    for number in range(50):
        metrics.observe_http(method=f"X{number}", route=None, status_code=404, seconds=0.1)
    assert samples(metrics)["tidemill_http_requests_total,method=OTHER,route=unmatched,status=404"] == 50


def test_names_follow_the_conventions() -> None:
    text = Metrics().render()[0].decode()
    kinds = dict(re.findall(r"^# TYPE (tidemill_\w+) (\w+)$", text, re.MULTILINE))
    for name, kind in kinds.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|milliseconds|kb|mb|percent)(_|$)", name)
        assert kind != "histogram" or name.endswith("_seconds"), name
    assert "_created" not in text


def test_two_apps_do_not_share_numbers() -> None:
    first, second = Metrics(), Metrics()
    first.count_visit("gone")
    assert "tidemill_visits_total,outcome=gone" not in samples(second)


def test_requests_in_progress() -> None:
    metrics = Metrics()
    with metrics.in_progress():
        assert samples(metrics)["tidemill_http_requests_in_progress"] == 1
    assert samples(metrics)["tidemill_http_requests_in_progress"] == 0


async def test_hooks_set_gauges_before_a_scrape() -> None:
    metrics = Metrics()

    async def read() -> None:
        metrics.set_queue({"low": 4}, {"low": 12.5})
        metrics.set_documents({"current": 7})
        metrics.set_visits({"leased": 2})

    metrics.set_queue({"high": 9}, {"high": 99})
    metrics.add_refresh("store", read)
    await metrics.refresh()
    found = samples(metrics)
    assert found["tidemill_queue_depth,priority=low"] == 4
    assert found["tidemill_queue_depth,priority=high"] == 0
    assert found["tidemill_queue_oldest_age_seconds,priority=low"] == 12.5
    assert found["tidemill_store_documents,state=current"] == 7
    assert found["tidemill_store_visits,outcome=leased"] == 2


async def test_failing_and_late_hooks_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()

    async def fail() -> None:
        raise OSError("no database")

    async def hang() -> None:
        await asyncio.Event().wait()

    metrics.add_refresh("broken", fail)
    metrics.add_refresh("slow", hang)
    with caplog.at_level(logging.WARNING):
        await metrics.refresh(timeout_s=0.01)
    found = samples(metrics)
    assert found["tidemill_refresh_errors_total,source=broken"] == 1
    assert found["tidemill_refresh_errors_total,source=slow"] == 1
    assert len(caplog.records) == 2


def test_pools_show_what_they_hold_and_count_what_they_did() -> None:
    metrics = Metrics()
    metrics.set_pools({"writer": PoolState(size=5, idle=2, checked_out=4, overflow=1, taken=10, waited_s=0.5)})
    metrics.set_pools({"writer": PoolState(size=5, idle=5, checked_out=0, overflow=0, taken=12, waited_s=0.75)})
    found = samples(metrics)
    assert found["tidemill_database_connections,pool=writer,state=size"] == 5
    assert found["tidemill_database_connections,pool=writer,state=checked_out"] == 0
    assert found["tidemill_database_connections_taken_total,pool=writer"] == 12
    assert found["tidemill_database_wait_seconds_total,pool=writer"] == 0.75
