"""The engine on a cluster: indexes behind an alias, their positions in an index of their own.

The alias is what is searched, and where it points is the truth: a new index is filled beside the old one and takes its
place in one step. Who may write is decided by a lock of the house; should two write all the same, each document bears
the event that it was read after, and the cluster keeps the newer one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from opensearchpy import NotFoundError

from tidemill.errors import Conflict, NotFound, Transient
from tidemill.models.document import Document
from tidemill.search.analysis import STEMMERS, Analysis
from tidemill.search.base import Hit, Position, SearchQuery, SearchResult
from tidemill.search.highlight import highlight
from tidemill.search.lock import WriterLock
from tidemill.search.opensearch.answers import facet_errors_of, facets_of, histogram_of
from tidemill.search.opensearch.cluster import Action, Cluster
from tidemill.search.opensearch.compile import beginning, body_of, in_a_row
from tidemill.search.opensearch.mapping import VERSION, source_of, template
from tidemill.search.plan import Planner
from tidemill.search.query import Clause, parse
from tidemill.search.suggesting import joined, typed_so_far
from tidemill.search.text import clean
from tidemill.search.wanted import wanted_of
from tidemill.telemetry.logs import get_logger

_LOOK_S = 1.0
_MOST_LANGUAGES = 100
_TITLES = 3
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """How far one index is."""

    version: int
    epoch: str
    event_id: int
    rebuilt: int = 0

    @property
    def position(self) -> Position:
        """As the port has it."""
        return Position(self.epoch, self.event_id, self.rebuilt)


class OpenSearchEngine:
    """A `SearchEngine` on `cluster`, under the name `alias`."""

    def __init__(self, cluster: Cluster, lock: WriterLock, *, alias: str, shards: int = 1, replicas: int = 1) -> None:
        self._cluster = cluster
        self._client = cluster.client
        self._lock = lock
        self._alias = alias
        self._states = f"{alias}-positions"
        self._template = template(f"{alias}-docs-*", shards=shards, replicas=replicas)
        self._analysis = Analysis()
        self._writing: tuple[str, State] | None = None
        self._unpublished = False
        self._planner = Planner(self._analysis, ())
        self._looked_at = float("-inf")

    @property
    def writable(self) -> bool:
        """Whether this process holds the lock."""
        return self._lock.held

    async def try_lock(self) -> bool:
        """Take the lock if it is free."""
        return await self._lock.try_acquire()

    async def begin(self, epoch: str) -> Position:
        """Go on where the index behind the alias ends, or begin a new one. Raises `Conflict`, `Transient`."""
        self._require_lock()
        with self._cluster.explained("opening"):
            index = await self._current()
            state = await self._state(index) if index else None
            known = (index, state) == self._writing and state is not None and state.epoch == epoch
            if not known or self._unpublished or self._writing is None:
                if index is None or state is None or state.version != VERSION or state.epoch != epoch:
                    index, state = await self._start_anew(state, epoch, known=index is not None)
                await self._sweep(index)
                self._writing, self._unpublished = (index, state), False
        return self._writing[1].position

    async def apply(
        self, upserts: Sequence[Document], deletions: Sequence[str], position: Position, *, more: bool = False
    ) -> None:
        """Write the batch, make it searchable, then record the position. After any error `begin` must be called."""
        index, state = self._begun(position)
        try:
            await self._lock.check()
            version = max(position.event_id, 1)
            actions = [Action(each, version, None) for each in deletions]
            sources = await asyncio.to_thread(lambda: [source_of(each, self._analysis) for each in upserts])
            actions += [Action(each.id, version, source) for each, source in zip(upserts, sources, strict=True)]
            with self._cluster.explained("writing to"):
                if actions:
                    await self._cluster.write(index, actions)
                    await self._client.indices.refresh(index=index)
                after = replace(state, event_id=position.event_id, rebuilt=position.rebuilt)
                await self._record(index, after)
        except BaseException:
            self._writing, self._unpublished = None, False
            raise
        self._writing = (index, after)
        self._looked_at = float("-inf")

    async def rebuild(self, epoch: str) -> Position:
        """Begin another index, which the alias does not know yet."""
        self._require_lock()
        with self._cluster.explained("creating an index in"):
            current = await self._current()
            if current:
                await self._sweep(current)
            state = State(VERSION, epoch, 0)
            self._writing, self._unpublished = (await self._new_index(state), state), True
        return Position(epoch, 0)

    async def publish(self) -> None:
        """Point the alias to the new index, in one step, and drop the old one."""
        if not self._unpublished or self._writing is None:
            return
        with self._cluster.explained("publishing an index in"):
            await self._point_to(self._writing[0])
            self._unpublished = False
            await self._sweep(self._writing[0])
        self._looked_at = float("-inf")

    async def position(self) -> Position | None:
        """Of the index behind the alias, whoever writes it."""
        with self._cluster.explained("reading"):
            index = await self._current()
            state = await self._state(index) if index else None
        return state.position if state and state.version == VERSION else None

    def known_position(self) -> Position | None:
        """Only the server knows."""
        return None

    async def search(self, query: SearchQuery) -> SearchResult:
        """The answer from what the cluster has made searchable."""
        begun = time.perf_counter()
        planner = await self._newest_planner()
        parsed = parse(query.text)
        plan = planner.plan(parsed, query)
        answer = None if plan.empty else await self._asked(body_of(plan, query, time.time()))
        took_ms = round((time.perf_counter() - begun) * 1000, 3)
        if answer is None:
            return SearchResult(query.text, 0, took_ms, (), dict.fromkeys(query.facets, ()) if not plan.empty else {})
        clauses = planner.shown(parsed)
        is_scored = plan.scored and query.sort == "relevance"
        hits = tuple(
            self._hit(each["_source"]["stored"], each["_score"] if is_scored else 0.0, clauses, fuzzy=query.fuzzy)
            for each in answer["hits"]["hits"]
        )
        total = int(answer["hits"]["total"]["value"])
        facets, histogram = facets_of(answer, query), histogram_of(answer, query)
        errors = facet_errors_of(answer, query)
        return SearchResult(query.text, total, took_ms, hits, facets, histogram, facet_errors=errors)

    async def suggest(self, text: str, limit: int) -> tuple[str, ...]:
        """Titles, and words of those titles."""
        words, begun = typed_so_far(self._analysis, text)
        if not (words or begun):
            return ()
        parts = [in_a_row("title_exact", [word]) for word in words]
        parts += [beginning("title_exact", begun)] if begun else []
        answer = await self._asked(
            {"query": {"bool": {"must": parts}}, "size": limit * _TITLES, "_source": ["stored.title"]}
        )
        titles = [str(each["_source"]["stored"]["title"]) for each in answer["hits"]["hits"]] if answer else []
        last = begun[-1] if len(begun) == 1 else ""
        known = [word for title in titles for word in self._analysis.tokens(title) if last and word.startswith(last)]
        return joined(text, titles, [(word, 0) for word in dict.fromkeys(known)], limit)

    async def similar(self, document_id: str, limit: int) -> SearchResult:
        """Documents with the words that tell this one from others, as the cluster finds them."""
        begun = time.perf_counter()
        itself = await self._asked({"query": {"ids": {"values": [document_id]}}, "size": 1, "_source": ["stored"]})
        if not itself or not itself["hits"]["hits"]:
            raise NotFound(f"the search index has no document {document_id!r}", reason="no_such_document")
        stored = itself["hits"]["hits"][0]["_source"]["stored"]
        stems = [
            stem
            for text in (stored["title"], stored["content"][:50_000])
            for stem in self._analysis.for_stems(text, stored["language"]).analyze(clean(text))
            if len(stem) > 2 and not self._analysis.is_stop_word(stem, (stored["language"] or "en",))
        ]
        like = {
            "fields": ["body"],
            "like": " ".join(stems),
            "min_term_freq": 1,
            "min_doc_freq": 2,
            "max_query_terms": 20,
            "minimum_should_match": "20%",
        }
        query = {"bool": {"must": [{"more_like_this": like}], "must_not": [{"ids": {"values": [document_id]}}]}}
        found = await self._asked({"query": query, "size": limit, "_source": ["stored"], "track_total_hits": True})
        held: dict[str, Any] = found["hits"] if found else {"hits": [], "total": {"value": 0}}
        hits = tuple(self._hit(each["_source"]["stored"], each["_score"], ()) for each in held["hits"])
        return SearchResult("", held["total"]["value"], round((time.perf_counter() - begun) * 1000, 3), hits)

    async def close(self) -> None:
        """Give back the lock and the connections."""
        await self._lock.release()
        await self._cluster.close()

    # -- indexes

    async def _current(self) -> str | None:
        """The index that the alias points to."""
        try:
            found = await self._client.indices.get_alias(name=self._alias)
        except NotFoundError:
            return None
        return str(next(iter(found)))

    async def _state(self, index: str) -> State | None:
        try:
            found = await self._client.get(index=self._states, id=index)
        except NotFoundError:
            return None
        return State(**found["_source"])

    async def _record(self, index: str, state: State) -> None:
        await self._client.index(index=self._states, id=index, body=asdict(state), refresh=True)

    async def _start_anew(self, before: State | None, epoch: str, *, known: bool) -> tuple[str, State]:
        why = "its position is missing" if known else "there is none yet"
        if before is not None and before.version != VERSION:
            why = f"it is of version {before.version}, this program writes {VERSION}"
        elif before is not None:
            why = f"it is of database epoch {before.epoch}, the database is now {epoch}"
        log = _log.warning if known else _log.info
        log("the search index is built from zero", action="index.rebuild", index=self._alias, why=why, epoch=epoch)
        state = State(VERSION, epoch, 0)
        index = await self._new_index(state)
        await self._point_to(index)
        return index, state

    async def _new_index(self, state: State) -> str:
        index = f"{self._alias}-docs-{uuid4().hex[:16]}"
        await self._client.indices.put_index_template(name=self._alias, body=self._template)
        await self._client.indices.create(index=index)
        await self._record(index, state)
        return index

    async def _point_to(self, index: str) -> None:
        """Let the alias name this index alone: the cluster does all of it or nothing."""
        actions: list[dict[str, Any]] = [{"remove": {"index": f"{self._alias}-docs-*", "alias": self._alias}}]
        if await self._current() is None:
            actions = []
        await self._client.indices.update_aliases(
            body={"actions": [*actions, {"add": {"index": index, "alias": self._alias}}]}
        )

    async def _sweep(self, keep: str) -> None:
        """Drop the indexes that nobody looks at, and what is told of them."""
        found = await self._client.indices.get(index=f"{self._alias}-docs-*", ignore_unavailable=True)
        for index in found:
            if index != keep:
                await self._client.indices.delete(index=index, ignore_unavailable=True)
                await self._client.delete(index=self._states, id=index, ignore=404)

    # -- asking

    async def _asked(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """The cluster's answer; `None` if there is no index yet."""
        with self._cluster.explained("searching"):
            try:
                answer: dict[str, Any] = await self._client.search(index=self._alias, body=body)
            except NotFoundError:
                return None
        if answer.get("timed_out") or answer["_shards"]["failed"]:
            raise Transient(f"a part of the search cluster {self._cluster.name} failed", reason="search_unavailable")
        return answer

    async def _newest_planner(self) -> Planner:
        """The planner for the languages that are in the index, looked at once a second."""
        now = time.monotonic()
        if now - self._looked_at > _LOOK_S:
            counted = {"languages": {"terms": {"field": "language", "size": _MOST_LANGUAGES}}}
            answer = await self._asked({"size": 0, "aggs": counted})
            buckets = answer["aggregations"]["languages"]["buckets"] if answer else ()
            languages = sorted(each["key"] for each in buckets if each["key"] in STEMMERS)
            self._planner, self._looked_at = Planner(self._analysis, tuple(languages)), now
        return self._planner

    def _hit(self, stored: dict[str, Any], score: float, clauses: Sequence[Clause], *, fuzzy: bool = False) -> Hit:
        values = dict(stored)
        content, published = values.pop("content"), values.pop("published_at")
        wanted = wanted_of(clauses, self._analysis, values["language"], fuzzy=fuzzy)
        return Hit(
            score=round(score, 4),
            highlights=highlight(content, wanted),
            published_at=datetime.fromisoformat(published) if published else None,
            **values,
        )

    # -- the right to write

    def _begun(self, position: Position) -> tuple[str, State]:
        self._require_lock()
        if self._writing is None:
            raise Conflict(f"the search index {self._alias} is not open for writing; begin first", reason="not_begun")
        epoch = self._writing[1].epoch
        if epoch != position.epoch:
            raise Conflict(
                f"the search index {self._alias} is of database epoch {epoch}, not {position.epoch}; begin again",
                reason="other_epoch",
            )
        return self._writing

    def _require_lock(self) -> None:
        if not self.writable:
            raise Conflict(
                f"the search index {self._alias} is written by another process, or try_lock was not called",
                reason="index_locked",
            )
