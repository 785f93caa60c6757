"""kill -9 while a file of documents is made: whoever comes next makes it, whole, once, and nothing else is left."""

from __future__ import annotations

import contextlib
import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.harness.books import Books
from tests.harness.brokers import free_port
from tests.harness.command import Running, Tidemill
from tests.harness.nursery import Nursery
from tests.harness.watch import until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]
DOCUMENTS = 450
"""More than two batches."""


@pytest.fixture
def mill(tmp_path: Path, nursery: Nursery | None) -> Tidemill:
    """Some documents, searchable."""
    lines = tmp_path / "documents.jsonl"
    words = "The mill turns with the tide, and number {} of its stones is worn. "
    each = (
        {"url": f"https://m.example/{n:03}", "title": f"Stone {n}", "content": words.format(n) * 3}
        for n in range(DOCUMENTS)
    )
    lines.write_text("".join(json.dumps(line) + "\n" for line in each))
    tidemill = Tidemill(tmp_path / "data", "queue.lease_s=5", nursery=nursery)
    tidemill("import", str(lines)).expect(0)
    return tidemill


@contextlib.contextmanager
def serving(tidemill: Tidemill, *settings: str) -> Iterator[tuple[Running, str]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tidemill.with_settings(*settings).start("serve", "--port", str(port)) as running:
        until(lambda: not running.alive or asked(f"{url}/readyz") is not None, what="the API")
        yield running, f"{url}/api/v1/exports"


def asked(url: str, body: Any = None) -> bytes | None:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"content-type": "application/json"} if content else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())
    except OSError:
        return None


def dies(running: Running) -> None:
    assert running.wait(60).code == -signal.SIGKILL


@pytest.mark.parametrize("query", [None, "stone"], ids=["selection", "search"])
def test_killed_while_it_writes_and_after_it_wrote(mill: Tidemill, query: str | None) -> None:
    expected = mill.export("--format", "csv")
    folder, books = mill.data_dir / "exports", Books(mill.data_dir)
    asks = {"format": "csv"} | ({"query": query, "sort": "title"} if query else {})
    with serving(mill, "testing.crash_at=export.batch:2") as (running, url):
        made = json.loads(asked(url, asks) or b"{}")
        dies(running)
    assert [path.name[0] for path in folder.iterdir()] == ["."], "half a file has no name that anybody would take"
    assert books.one("SELECT state FROM jobs") == "running"

    with serving(mill, "testing.crash_at=export.shelved:1") as (running, _):
        dies(running)
    assert books.one("SELECT state FROM jobs") == "running", "a file is an export's only once its row says so"

    with serving(mill) as (running, url):
        until(lambda: books.one("SELECT state FROM jobs") == "done", what="the export")
        told = json.loads(asked(f"{url}/{made['id']}") or b"{}")
        content = asked(f"{url}/{made['id']}/download") or b""
        running.signal_group(signal.SIGTERM)
        running.wait(30).expect(0)
    assert (told["rows"], told["size_bytes"]) == (DOCUMENTS, len(content))
    assert sorted(content.splitlines()) == sorted(expected.splitlines())
    assert [path.name for path in folder.iterdir() if path.name[0] != "."] == [
        json.loads(str(books.one("SELECT progress FROM jobs")))["file"]
    ]
    assert books.count("workers") == 0


def test_told_to_end_it_gives_the_job_back(mill: Tidemill) -> None:
    books = Books(mill.data_dir)
    with serving(mill) as (running, url):
        for _ in range(20):
            asked(url, {"format": "jsonl"})
        until(lambda: books.count("jobs", "state = 'done'") > 0, what="the first export")
        running.signal_group(signal.SIGTERM)
        running.wait(30).expect(0)
    assert books.count("jobs", "state = 'running'") == 0
    assert books.count("workers") == 0
    with serving(mill) as (running, _):
        until(lambda: books.count("jobs", "state = 'done'") == 20, what="the other exports")
        running.signal_group(signal.SIGTERM)
        running.wait(30).expect(0)
    assert len(list((mill.data_dir / "exports").glob("[!.]*"))) == 20


def test_a_full_disk_fails_the_export_and_nothing_else(mill: Tidemill, small_disk: Callable[[str], Path]) -> None:
    """Row 17, for an export by the API."""
    books, folder = Books(mill.data_dir), small_disk("64k")
    (mill.data_dir / "exports").symlink_to(folder)
    with serving(mill) as (running, url):
        made = json.loads(asked(url, {"format": "jsonl"}) or b"{}")
        until(lambda: books.one("SELECT state FROM jobs") == "failed", what="the failure")
        told = json.loads(asked(f"{url}/{made['id']}") or b"{}")
        assert told["error"].startswith("disk_full: cannot write to ")
        assert list(folder.iterdir()) == [], "the half that was written is gone"
        small_disk("64m")
        asked(url, {"format": "jsonl"})
        until(lambda: books.count("jobs", "state = 'done'") == 1, what="the next export")
        running.signal_group(signal.SIGTERM)
        running.wait(30).expect(0)
