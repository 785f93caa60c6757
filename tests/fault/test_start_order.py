"""Processes that are started before their servers wait for them, alive and not ready, and say so to whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tests.harness.brokers import PATIENCE_S, free_port
from tests.harness.command import Running, Tidemill
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.postgres import in_own_loop, need_postgres
from tests.harness.probing import ask
from tests.harness.watch import until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 120)]


@pytest.fixture
def away(tmp_path: Path) -> Iterator[tuple[FaultProxy, Tidemill]]:
    """The command over a server that refuses every connection, until it is healed. The database has no tables."""
    server = need_postgres()
    url = in_own_loop(server.empty())
    port = make_url(url).port
    assert port is not None
    with fault_proxy(port) as proxy:
        proxy.cut()
        by = make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
        yield proxy, Tidemill(tmp_path / "data", f"database.url={by}", "queue.url=redis://127.0.0.1:1/0")
    in_own_loop(server.drop(url))


def test_started_before_their_servers(away: tuple[FaultProxy, Tidemill]) -> None:
    proxy, house = away
    roles = {"crawler": "--probe-port", "serve": "--port", "up": "--port"}
    ports = {role: free_port() for role in roles}
    bases = {role: f"http://127.0.0.1:{port}" for role, port in ports.items()}
    with ExitStack() as stack:
        started = {
            role: stack.enter_context(house.start(role, option, str(ports[role]))) for role, option in roles.items()
        }
        for role, base in bases.items():
            until(lambda base=base: ask(f"{base}/livez").status == 200, timeout_s=60, what=f"life of {role}")  # type: ignore[misc]
            assert ask(f"{base}/readyz").status == ask(f"{base}/startupz").status == 503
        early = ask(f"{bases['serve']}/api/v1/runs")
        assert (early.status, early.header("Retry-After")) == (503, "5")
        assert early.json["type"] == "urn:tidemill:problem:starting"
        proxy.heal()
        for role, base in bases.items():
            until(lambda base=base: ask(f"{base}/readyz").status == 200, timeout_s=60, what=f"readiness of {role}")  # type: ignore[misc]
        assert ask(f"{bases['serve']}/api/v1/runs").status == 200
        _end(started)


def _end(started: dict[str, Running]) -> None:
    for running in started.values():
        running.signal_group(15)
    for role, running in started.items():
        done = running.wait(40).expect(0)
        assert "waiting for a server" in done.stderr, role
        assert "Traceback" not in done.stderr, done


@pytest.mark.parametrize("role", ["crawler", "serve"])
def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path, role: str) -> None:
    with fault_proxy(1) as taken:
        option = "--port" if role == "serve" else "--probe-port"
        done = Tidemill(tmp_path / "data")(role, option, str(taken.port)).expect(1)
    assert "is in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert "╭" not in done.stderr, done
