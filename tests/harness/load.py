"""A client that asks an API all the time, through whichever of several processes answers, as a load balancer would.

A process that refuses the connection is passed over; whatever else goes wrong with a request is a failure.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PAUSE_S = 0.01
_TIMEOUT_S = 15.0


@dataclass(slots=True)
class Load:
    """What became of the requests: how many were answered, and what failed."""

    answered: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def load(processes: Callable[[], Sequence[str]], path: str, *, clients: int = 2) -> Iterator[Load]:
    """Ask for `path` until the block ends; `processes` gives the addresses, and may change its mind."""
    told, over = Load(), threading.Event()
    threads = [threading.Thread(target=_ask, args=(processes, path, told, over)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        over.set()
        for thread in threads:
            thread.join(2 * _TIMEOUT_S)


def _ask(processes: Callable[[], Sequence[str]], path: str, told: Load, over: threading.Event) -> None:
    turn = 0
    while not over.wait(_PAUSE_S):
        addresses = processes()
        turn += 1
        for address in (*addresses[turn % 2 :], *addresses[: turn % 2]):
            try:
                status = _status(address, path)
            except ConnectionRefusedError:
                told.refused += 1
                continue
            except OSError as error:
                told.failures.append(f"{time.monotonic():.2f} {address}: {type(error).__name__} {error}")
            else:
                told.answered += status == 200
                if status != 200:
                    told.failures.append(f"{time.monotonic():.2f} {address}: status {status}")
            break


def _status(address: str, path: str) -> int:
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
