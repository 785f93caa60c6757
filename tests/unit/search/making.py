"""Documents for the tests of search, and a store of them that only remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tidemill.models.document import Document, DocumentState, Draft, Json

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def document(
    identifier: str,
    content: str = "",
    *,
    title: str = "",
    url: str = "",
    source: str = "site",
    state: DocumentState = DocumentState.CURRENT,
    language: str | None = "en",
    kind: str = "article",
    author: str | None = None,
    tags: tuple[str, ...] = (),
    published_at: datetime | None = None,
    fields: Mapping[str, Json] | None = None,
) -> Document:
    """A document as the store hands it out; only what search looks at can be chosen."""
    draft = Draft(
        kind=kind,
        title=title,
        content=content,
        language=language,
        author=author,
        tags=tags,
        published_at=published_at,
        fields=fields or {},
        word_count=len(content.split()),
        summary=content[:20],
    )
    return Document(
        id=identifier,
        source=source,
        page_id=f"page-{identifier}",
        url=url or f"https://www.example.org/{identifier}",
        state=state,
        version=1,
        duplicate_of=None,
        similarity=None,
        capture_id="capture",
        fetched_at=MOMENT,
        first_seen_at=MOMENT,
        updated_at=MOMENT,
        draft=draft,
    )


class RememberedChanges:
    """The `Changes` of a store that lives in memory."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.log: list[tuple[int, str]] = []
        self.last = 0
        self.forgotten = 0
        self.name = "epoch-1"
        self.request = 0

    def put(self, *documents: Document) -> None:
        """Store each document, with an event."""
        for each in documents:
            self.documents[each.id] = each
            self.touch(each.id)

    def touch(self, identifier: str) -> None:
        """An event about a document."""
        self.last += 1
        self.log.append((self.last, identifier))

    def other_event(self) -> None:
        """An event that is about no document."""
        self.last += 1

    async def changes_after(self, event_id: int, limit: int) -> list[tuple[int, str]]:
        return [change for change in self.log if change[0] > event_id][:limit]

    async def documents_by_ids(self, ids: Sequence[str]) -> list[Document]:
        return [self.documents[identifier] for identifier in ids if identifier in self.documents]

    def forget(self) -> None:
        """All events are too old: of each current document the last one stays."""
        kept = {identifier: number for number, identifier in self.log}
        current = {each.id for each in self.documents.values() if each.state is DocumentState.CURRENT}
        gone = [each for each in self.log if each[1] not in current or kept[each[1]] != each[0]]
        self.log = [each for each in self.log if each not in gone]
        self.forgotten = max([self.forgotten, *(number for number, _ in gone)])

    async def floor(self) -> int:
        return self.forgotten

    async def head(self) -> int:
        return max([self.forgotten, *(number for number, _ in self.log)])

    async def epoch(self) -> str:
        return self.name

    async def ask_rebuild(self) -> int:
        self.request += 1
        return self.request

    async def rebuild_asked(self) -> int:
        return self.request
