"""The cluster behind the client: what it raises becomes an error of the house, and many documents go in at once.

A cluster that is busy says so for single documents (429); those are sent again, ever later. A document that it refuses
for good is told and left out, for it must not hold up all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from opensearchpy import AsyncOpenSearch, OpenSearchException
from opensearchpy import ConnectionError as Unreachable
from opensearchpy import TransportError as ClusterError

from tidemill.errors import Invalid, Permanent, TidemillError, Transient
from tidemill.telemetry.logs import get_logger

SCHEMES = ("opensearch", "opensearchs", "elasticsearch", "elasticsearchs", "http", "https")
CHUNK_DOCUMENTS = 500
CHUNK_BYTES = 1_000_000
TRIES = 6
FIRST_PAUSE_S = 0.25

_BUSY = frozenset((429, 502, 503, 504))
_NOT_THERE, _NEWER_IS_THERE, _TOO_LARGE = 404, 409, 413
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Action:
    """One document to be written (`source`) or removed (`None`), as of an event."""

    id: str
    version: int
    source: dict[str, Any] | None


class Cluster:
    """A client for `url` (`opensearch://user:password@host:port`; with an `s` behind the scheme: TLS)."""

    def __init__(self, url: str, *, ca: Path | None, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.hostname or parts.path.strip("/"):
            raise Invalid(
                "search.url names no cluster: write it like opensearch://host:9200 or opensearchs://user@host:443",
                reason="invalid_setting",
            )
        is_tls = parts.scheme.endswith("s")
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self.name = f"{parts.scheme}://{parts.hostname}:{parts.port or 9200}"
        self.client = AsyncOpenSearch(
            hosts=[{"host": parts.hostname, "port": parts.port or 9200}],
            http_auth=login,
            use_ssl=is_tls,
            verify_certs=is_tls,
            ca_certs=str(ca) if ca else None,
            timeout=timeout_s,
            max_retries=0,
        )

    @contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        """What the client raises inside becomes `Transient` (`search_unavailable`, say) or `Permanent`.

        Who can do without what is asked for catches `NotFoundError` inside. Elsewhere it means that somebody took an
        index away that was written or read just now.
        """
        try:
            yield
        except OpenSearchException as error:
            raise self._known(doing, error) from error

    async def write(self, index: str, actions: Sequence[Action], *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        """Write documents in chunks, and again what the cluster was too busy for. They are not searchable yet."""
        for chunk in _chunks(index, actions):
            waiting, pause_s = chunk, first_pause_s
            for _ in range(TRIES):
                waiting = await self._sent(waiting)
                if not waiting:
                    break
                await asyncio.sleep(pause_s)
                pause_s *= 2
            if waiting:
                raise Transient(
                    f"the search cluster {self.name} is too busy: it refused {len(waiting)} documents {TRIES} times",
                    reason="search_busy",
                )

    async def close(self) -> None:
        """End all connections."""
        await self.client.close()

    async def _sent(self, lines: list[tuple[bytes, str]]) -> list[tuple[bytes, str]]:
        """Send one chunk; gives what is to be sent again."""
        body = b"".join(line for line, _ in lines)
        try:
            with self.explained("writing to"):
                try:
                    answer = await self.client.bulk(body=body.decode())
                except ClusterError as error:
                    if error.status_code != _TOO_LARGE:
                        raise
                    return await self._sent_smaller(lines, error)
        except Transient as error:
            if error.reason == "search_busy":
                return lines
            raise
        return self._waiting(lines, answer["items"]) if answer["errors"] else []

    async def _sent_smaller(self, lines: list[tuple[bytes, str]], error: ClusterError) -> list[tuple[bytes, str]]:
        """A request was too large: send it in halves, and leave out a document that is too large by itself."""
        if len(lines) == 1:
            _refused(lines[0][1], _TOO_LARGE, _brief(error))
            return []
        half = len(lines) // 2
        return [*await self._sent(lines[:half]), *await self._sent(lines[half:])]

    def _waiting(self, lines: list[tuple[bytes, str]], items: list[dict[str, Any]]) -> list[tuple[bytes, str]]:
        """The lines that the cluster was too busy for. What it refused for good is told."""
        again = []
        for line, item in zip(lines, items, strict=True):
            ((kind, said),) = item.items()
            status = int(said.get("status", 500))
            if status in _BUSY:
                again.append(line)
            elif status == _NOT_THERE and kind != "delete":
                raise Transient(
                    f"the search cluster {self.name} has not the index that is written any more: {said.get('error')}",
                    reason="search_unavailable",
                )
            elif status >= 400 and status not in (_NEWER_IS_THERE, _NOT_THERE):
                _refused(line[1], status, str(said.get("error")))
        return again

    def _known(self, doing: str, error: OpenSearchException) -> TidemillError:
        status = error.status_code if isinstance(error, ClusterError) else None
        said = f"{doing} the search cluster {self.name} failed: {_brief(error)}"
        if isinstance(error, Unreachable) or not isinstance(status, int):
            return Transient(said, reason="search_unavailable")
        if status in _BUSY:
            return Transient(said, reason="search_busy" if status == 429 else "search_unavailable")
        if status in (401, 403):
            return Transient(f"{said}; see the user and password in search.url", reason="search_forbidden")
        if status == _NOT_THERE:
            return Transient(said, reason="search_unavailable")
        if status < 500:
            return Permanent(said, reason="search_refused")
        return Transient(said, reason="search_unavailable")


def _refused(document_id: str, status: int, error: str) -> None:
    _log.error(
        "the search cluster refused a document",
        action="index.refused",
        document_id=document_id,
        status=status,
        error=error[:500],
    )


def _chunks(index: str, actions: Sequence[Action]) -> Iterator[list[tuple[bytes, str]]]:
    """The lines of a bulk request for each action, as many as go into one."""
    chunk: list[tuple[bytes, str]] = []
    size_bytes = 0
    for action in actions:
        about = {"_index": index, "_id": action.id, "version": action.version, "version_type": "external_gte"}
        line = orjson.dumps({"delete" if action.source is None else "index": about}) + b"\n"
        if action.source is not None:
            line += orjson.dumps(action.source) + b"\n"
        if chunk and (len(chunk) >= CHUNK_DOCUMENTS or size_bytes + len(line) > CHUNK_BYTES):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append((line, action.id))
        size_bytes += len(line)
    if chunk:
        yield chunk


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
