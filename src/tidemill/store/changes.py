"""The store as the indexer reads it: what changed about documents, and whether an index is to be built anew.

In: questions of `search.indexer`, whose port this is. Out: events, documents and numbers. Wired in `app`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidemill.models.document import Document
from tidemill.store import documents, events, notes, schema
from tidemill.store.engine import Store


class Changes:
    """See `search.indexer.Changes`. Any number of indexers, each with an index of its own, may share one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def changes_after(self, event_id: int, limit: int) -> list[tuple[int, str]]:
        """The next changes of documents as (event id, document id), ascending."""
        return await events.document_changes(self._store, event_id, limit)

    async def documents_by_ids(self, ids: Sequence[str]) -> list[Document]:
        """The documents as they stand, with what an engine reads of them."""
        return await documents.searched(self._store, ids)

    async def head(self) -> int:
        """The last event about a document."""
        return await events.head(self._store)

    async def floor(self) -> int:
        """Up to this event, old changes may have been let go."""
        return await events.floor(self._store)

    async def epoch(self) -> str:
        """What changes when the database is restored or replaced."""
        return await schema.epoch(self._store)

    async def ask_rebuild(self) -> int:
        """Ask for every index to be built anew; the number of the request."""
        return await notes.count_up(self._store, notes.REBUILDS_ASKED)

    async def rebuild_asked(self) -> int:
        """The number of the last request, 0 if there was none."""
        return int(await notes.get(self._store, notes.REBUILDS_ASKED) or 0)
