"""`tidemill serve --workers`: several processes behind one port, replaced when they die, gone when their parent is."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from tests.harness.command import Running, Tidemill

pytestmark = pytest.mark.slow


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[Running, str]]:
    tidemill = Tidemill(tmp_path / "data", "auth.loopback_role=operator")
    with tidemill.start("serve", "--port", "0", "--workers", "2") as running:
        yield running, said(running, r"serving (http://\S+)")


def said(running: Running, pattern: str) -> str:
    """What the command says on standard error, as soon as it does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert running.alive, running.wait()
        running._err.seek(0)
        found = re.search(pattern, running._err.read().decode())
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"never said {pattern}")


def status(base_url: str, path: str = "/livez") -> int:
    """Of a connection of its own."""
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        json.loads(answer.read())
        return answer.status
    finally:
        connection.close()


def workers(running: Running) -> set[int]:
    """Those that live."""
    found = set()
    for each in psutil.Process(running.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "--worker" in each.cmdline():
                found.add(each.pid)
    return found


def wait_until(is_so: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_one_that_dies_is_replaced_while_the_other_answers(serving: tuple[Running, str]) -> None:
    running, base_url = serving
    wait_until(lambda: len(workers(running)) == 2)
    before = workers(running)
    assert {status(base_url) for _ in range(10)} == {200}
    psutil.Process(min(before)).kill()
    assert {status(base_url) for _ in range(10)} == {200}
    wait_until(lambda: len(workers(running) - {min(before)}) == 2)


def test_a_signal_ends_all_of_them(serving: tuple[Running, str]) -> None:
    running, base_url = serving
    assert status(base_url, "/api/v1/sources") == 200
    children = workers(running)
    running.signal(signal.SIGTERM)
    done = running.wait(30)
    assert done.code == 0, done
    assert not any(psutil.pid_exists(each) for each in children)


def test_they_end_with_a_parent_that_was_killed(serving: tuple[Running, str]) -> None:
    running, _ = serving
    children = workers(running)
    running.signal(signal.SIGKILL)
    wait_until(lambda: not any(psutil.pid_exists(each) for each in children))


def test_what_cannot_begin_is_said_once_and_ends(tmp_path: Path) -> None:
    tidemill = Tidemill(tmp_path / "data", "search.url=tantivy:///dev/null/x")
    done = tidemill("serve", "--port", "0", "--workers", "2", timeout_s=60)
    assert done.code in (1, 2), done
    assert "error:" in done.stderr
