"""What came out, now and before, and what duplicates are found by."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    text,
)

from tidemill.models.document import DocumentState
from tidemill.store.tables.columns import metadata, one_of
from tidemill.store.types import Id, Jsonb, Moment, Serial, String, Text

documents = Table(
    "documents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("sources.id"), nullable=False),
    Column("page_id", Id, ForeignKey("pages.id"), nullable=False),
    Column("item_key", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("duplicate_of", Id),
    Column("similarity", Float),
    Column("version", Integer, nullable=False),
    Column("capture_id", Id, nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("author", Text),
    Column("published_at", Moment),
    Column("modified_at", Moment),
    Column("language", String(16)),
    Column("language_confidence", Float),
    Column("content", Text, nullable=False),
    Column("markdown", Text, nullable=False),
    Column("summary", Text),
    Column("word_count", Integer, nullable=False),
    Column("reading_time_minutes", Integer, nullable=False),
    Column("canonical_url", Text),
    Column("site_name", Text),
    Column("image_url", Text),
    Column("tags", Jsonb, nullable=False),
    Column("keywords", Jsonb, nullable=False, server_default=text("'[]'")),
    Column("entities", Jsonb, nullable=False, server_default=text("'[]'")),
    Column("fields", Jsonb, nullable=False),
    Column("provenance", Jsonb, nullable=False),
    Column("disagreements", Jsonb, nullable=False, server_default=text("'[]'")),
    Column("flags", Jsonb, nullable=False),
    Column("problems", Jsonb, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    one_of("state", DocumentState),
    CheckConstraint("(state = 'duplicate') = (duplicate_of IS NOT NULL)", name="duplicate_has_original"),
    Index("ix_documents_page", "page_id"),
    Index("ix_documents_source_state_url", "source_id", "state", "url", "item_key"),
    Index("ix_documents_content", "content_hash", "source_id"),
    Index("ix_documents_canonical", "canonical_url"),
    Index("ix_documents_original", "duplicate_of"),
    Index("ix_documents_published", "published_at"),
    Index("ix_documents_listed", "state", "id", "kind", "language", "published_at", "updated_at"),
)

document_versions = Table(
    "document_versions",
    metadata,
    Column("document_id", Id, ForeignKey("documents.id", ondelete="CASCADE")),
    Column("version", Integer),
    Column("state", String(12), nullable=False),
    Column("capture_id", Id, nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("replaced_at", Moment, nullable=False),
    Column("draft", Jsonb, nullable=False),
    PrimaryKeyConstraint("document_id", "version"),
)

tags = Table("tags", metadata, Column("id", Id, primary_key=True), Column("name", Text, nullable=False, unique=True))

document_tags = Table(
    "document_tags",
    metadata,
    Column("document_id", Id, ForeignKey("documents.id", ondelete="CASCADE")),
    Column("tag_id", Id, ForeignKey("tags.id", ondelete="CASCADE"), index=True),
    PrimaryKeyConstraint("document_id", "tag_id"),
)

leaders = Table(
    "leaders",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=False),
    Column("document_id", Id, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("signature", LargeBinary, nullable=False),
)

signatures = Table(
    "signatures",
    metadata,
    Column("bucket", BigInteger),
    Column("number", Serial, ForeignKey("leaders.number", ondelete="CASCADE"), index=True),
    Column("sketch", LargeBinary, nullable=False),
    PrimaryKeyConstraint("bucket", "number"),
    sqlite_with_rowid=False,
)
