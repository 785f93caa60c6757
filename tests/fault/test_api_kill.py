"""Row 4: kill -9 of the API amid POSTs with `Idempotency-Key`, whose callers try again: each is carried out once."""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.harness.accounts import Collect, Tally
from tests.harness.backends import Backend, opened_backend
from tests.harness.brokers import PATIENCE_S
from tests.harness.command import Running, Tidemill
from tests.harness.nursery import Nursery
from tests.harness.watch import until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 600)]
AT_ONCE = 32
GIVEN_UP_AFTER_S = 90.0
RUNS = "/api/v1/runs"


@dataclass(slots=True)
class Api:
    """A server on a port of its own, which the test kills and starts again."""

    tidemill: Tidemill
    port: int
    stack: ExitStack
    answered: int = 0
    kills: int = 0
    tries: Counter[int] = field(default_factory=Counter)
    running: Running | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start it; it answers some time later."""
        self.running = self.stack.enter_context(self.tidemill.start("serve", "--port", str(self.port)))

    def kill(self) -> None:
        """kill -9, and start another."""
        assert self.running is not None
        self.running.signal_group(signal.SIGKILL)
        self.kills += 1
        self.start()

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """One request. Raises `OSError` or `HTTPException` if there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def insist(self, number: int) -> dict[str, Any]:
        """Ask for one run until there is an answer, as a client should: the same key, whatever happens."""
        ends_at = time.monotonic() + GIVEN_UP_AFTER_S
        while time.monotonic() < ends_at:
            try:
                status, found = self.ask("POST", RUNS, asked(number), f"order-{number}")
            except (OSError, http.client.HTTPException, ValueError):
                status, found = 0, {}
            with self.lock:
                self.tries[status] += 1
                self.answered += status == 202
            if status == 202:
                return dict(found)
            assert status in (0, 409, 503), (status, found)
            time.sleep(0.1)
        raise AssertionError(f"no answer for {number}; {dict(self.tries)}")

    def runs(self) -> list[dict[str, Any]]:
        """Every run there is, page by page."""
        found: list[dict[str, Any]] = []
        path = f"{RUNS}?limit=100"
        while path:
            _, page = self.ask("GET", path)
            found += page["items"]
            path = page["next"]
        return found


def asked(number: int) -> dict[str, Any]:
    """What is not the same if it is done twice: `fresh` begins another run each time."""
    return {"target": f"https://h{number}.example/", "fresh": True}


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Both databases."""
    with opened_backend(request.param, lambda _: "", migrated=True) as made:
        yield made


@pytest.fixture
def api(backend: Backend, tmp_path: Path, nursery: Nursery | None) -> Iterator[Api]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = [each for each in backend.settings if not each.startswith("queue.url")]
    with ExitStack() as stack:
        made = Api(Tidemill(tmp_path / "data", *settings, nursery=nursery), port, stack)
        made.start()
        yield made


def test_each_order_is_carried_out_once(
    api: Api, backend: Backend, rng: random.Random, is_long: bool, collect: Collect
) -> None:
    orders = 1000 if is_long else 300
    blows = sorted(rng.sample(range(5, orders - 20), 10 if is_long else 3))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(api.insist, number) for number in range(orders)]
        for blow in blows:
            until(lambda: api.answered >= blow, timeout_s=GIVEN_UP_AFTER_S, what=f"answer {blow}")  # noqa: B023
            api.kill()
        first = [each.result() for each in waiting]
    assert api.tries[0], "nobody was cut off"
    made = api.runs()
    by_source = Counter(run["source"] for run in made)
    twice = [name for name, number in by_source.items() if number > 1]
    lost = orders - len(by_source)
    told = sum(found["id"] not in {run["id"] for run in made} for found in first)
    fault = "4. kill -9 of the API during POSTs with Idempotency-Key"
    collect(Tally(fault, backend.title, api.kills, orders, lost + told, 0, len(twice), 0.0))
    assert (len(made), twice, lost, told) == (orders, [], 0, 0)
    again = [api.insist(number) for number in rng.sample(range(orders), 20)]
    assert [found["id"] for found in again] == [
        next(each["id"] for each in first if each["source"] == found["source"]) for found in again
    ]
    assert len(api.runs()) == orders
