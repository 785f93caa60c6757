"""Asks processes for their probes, and an API for anything, beside a test that breaks what they depend on.

`with watching({"serve": url}) as watch:` asks /livez and /readyz of each several times a second, from threads, and
keeps every answer with its time.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

_EVERY_S = 0.3
_PATIENCE_S = 8.0
PROBES = ("/livez", "/readyz")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: `status` 0 means that nothing was. Times are monotonic."""

    at: float
    status: int
    seconds: float
    body: bytes = b""
    headers: Message | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return self.headers.get(name) if self.headers is not None else None


def ask(url: str, body: Mapping[str, Any] | None = None, timeout_s: float = _PATIENCE_S) -> Answer:
    """One request, a POST if there is a body."""
    given = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, given, {"content-type": "application/json"} if given else {})
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return Answer(began, answer.status, time.monotonic() - began, answer.read(), answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(began, error.code, time.monotonic() - began, error.read(), error.headers)
    except OSError:
        return Answer(began, 0, time.monotonic() - began)


@dataclass
class Watch:
    """The answers of each probe, by the name of the process and the path."""

    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)

    def statuses(self, name: str, path: str, since: float = 0.0) -> list[int]:
        """What a probe answered to requests that began after a moment."""
        return [each.status for each in self.answers.get((name, path), ()) if each.at >= since]

    def said(self, name: str, path: str, status: int, since: float) -> float | None:
        """How long after a moment a probe first answered so, its own time included; `None` if it has not yet."""
        found = (each for each in tuple(self.answers.get((name, path), ())) if each.at >= since)
        return next((each.at + each.seconds - since for each in found if each.status == status), None)

    def never_but(self, path: str, *allowed: int) -> list[str]:
        """Answers of a probe that should not have been, one line each."""
        return [
            f"{name}{path} answered {each.status} after {each.seconds:.1f} s"
            for (name, of), answers in self.answers.items()
            if of == path
            for each in answers
            if each.status not in allowed
        ]


@contextmanager
def watching(bases: Mapping[str, str]) -> Iterator[Watch]:
    """Watch the probes of these processes, each by its own thread, until the block ends."""
    watch = Watch({(name, path): [] for name in bases for path in PROBES})
    over = threading.Event()

    def asking(name: str, path: str) -> None:
        while not over.wait(_EVERY_S):
            answer = ask(bases[name] + path)
            if not over.is_set():
                watch.answers[name, path].append(answer)

    with ThreadPoolExecutor(len(watch.answers)) as pool:
        for name, path in watch.answers:
            pool.submit(asking, name, path)
        try:
            yield watch
        finally:
            over.set()
