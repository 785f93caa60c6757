"""The tutorial works as it is written: its commands are typed one by one into a shell, against the sample site."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.docs.pages import commands
from tests.harness.sites import site_in_thread

PAGE = "docs/tutorial.md"
_BY_HAND = ("make setup", ". .venv/bin/activate", "python -m tests.site", "kill ", "rm -r")
"""What sets up and cleans up; the test does it in its own way."""

_SERVER = "tidemill up"
_STARTS_WITHIN_S = 20


@pytest.fixture
def shell(tmp_path: Path, missing: Callable[[str, str], NoReturn]) -> Iterator[Callable[[str], str]]:
    """Types a command into a shell of its own, in which what was exported before holds; gives what it printed."""
    if shutil.which("curl") is None:
        missing("curl", "install it to have the tutorial tested")
    command = tmp_path / "bin" / "tidemill"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tidemill "$@"\n')
    command.chmod(0o755)
    environment = {name: os.environ[name] for name in ("HOME", "LANG", "PYTHONPATH") if name in os.environ}
    environment |= {"TIDEMILL_PROCESS__WORKERS": "1", "TIDEMILL_SEARCH__COMMIT_INTERVAL_S": "0.2"}  # only quicker
    environment |= {"PATH": f"{command.parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}

    def type_in(text: str) -> str:
        script = f"set -euo pipefail\n{text}\nexport -p > exported\n"
        before = (tmp_path / "exported").read_text() if (tmp_path / "exported").exists() else ""
        done = subprocess.run(
            ["bash", "-c", before + script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"$ {text}\n{done.stdout}{done.stderr}"
        return done.stdout

    yield type_in
    stop = tmp_path / "server.pid"
    if stop.exists():
        os.kill(int(stop.read_text()), 15)


def test_every_command_of_the_tutorial_works(shell: Callable[[str], str]) -> None:
    said = {}
    port = _free_port()
    with site_in_thread() as site:
        for command in commands(PAGE):
            text = command.text.replace("http://127.0.0.1:8765", site.base_url).replace(":8000/", f":{port}/")
            if text.startswith(_BY_HAND):
                continue
            if text.startswith(_SERVER):
                shell(f"tidemill up --port {port} > server.log 2>&1 &\necho $! > server.pid")
                _wait_for(port)
            else:
                said[command.text.splitlines()[0]] = shell(text)
    last = "curl -s 'http://127.0.0.1:8000/api/v1/runs?limit=1'"
    assert '"source":"gazette-events"' in said[last]
    assert '"kind":"event"' in said["head -n 1 events.jsonl"]
    assert "skipped (limit)" in said["tidemill ledger --outcome skipped"]
    assert "mill" in said["tidemill search 'mill pond'"].lower()
    assert "Harbour" in said["tidemill search 'kind:event harbour' --source gazette-events"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("`tidemill up` did not listen")
