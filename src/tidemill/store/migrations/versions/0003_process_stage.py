"""What the process stage adds: keywords, entities, disagreements, near-duplicates, answers of language models."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from tidemill.store.types import Id, Jsonb, Moment, Serial, String

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _list(name: str) -> sa.Column[object]:
    return sa.Column(name, Jsonb, server_default=sa.text("'[]'"), nullable=False)


def _with_rules(spec: dict[str, Any]) -> dict[str, Any] | None:
    """A source whose fields are paths, with rules in their place; `None` if there is nothing to change."""
    fields = spec.get("process", {}).get("fields") or {}
    if not any(isinstance(rule, str) for rule in fields.values()):
        return None
    rules = {name: {"path": rule, "type": "json"} if isinstance(rule, str) else rule for name, rule in fields.items()}
    return {**spec, "process": {**spec["process"], "fields": rules}}


def _rewrite(table: sa.TableClause, *keys: str) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(table)).mappings().all():
        spec = _with_rules(row["spec"])
        if spec is not None:
            same = sa.and_(*(table.c[key] == row[key] for key in keys))
            connection.execute(sa.update(table).where(same).values(spec=spec))


def _make_leaders() -> None:
    """Keys of documents by number. Those that were stored before get theirs when they are stored again."""
    op.create_table(
        "leaders",
        sa.Column("number", Serial, autoincrement=False, nullable=False),
        sa.Column("document_id", Id, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_leaders_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_leaders")),
        sa.UniqueConstraint("document_id", name=op.f("uq_leaders_document_id")),
    )
    op.drop_index("ix_signatures_bucket", "signatures")
    op.drop_table("signatures")
    op.create_table(
        "signatures",
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.Column("number", Serial, nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["leaders.number"], name=op.f("fk_signatures_number"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("bucket", "number", name=op.f("pk_signatures")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_signatures_number"), "signatures", ["number"], unique=False)


def _unmake_leaders() -> None:
    op.drop_index(op.f("ix_signatures_number"), "signatures")
    op.drop_table("signatures")
    op.drop_table("leaders")
    op.create_table(
        "signatures",
        sa.Column("document_id", Id, nullable=False),
        sa.Column("band", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_signatures_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", "band", name=op.f("pk_signatures")),
    )
    op.create_index("ix_signatures_bucket", "signatures", ["band", "bucket"], unique=False)


def upgrade() -> None:
    identity, version = sa.column("source_id", Id), sa.column("version", sa.Integer())
    _rewrite(sa.table("sources", sa.column("id", Id), sa.column("spec", Jsonb)), "id")
    _rewrite(sa.table("source_versions", identity, version, sa.column("spec", Jsonb)), "source_id", "version")
    for name in ("keywords", "entities", "disagreements"):
        op.add_column("documents", _list(name))
    op.add_column("documents", sa.Column("similarity", sa.Float(), nullable=True))
    op.execute("UPDATE documents SET similarity = 1 WHERE state = 'duplicate'")
    op.drop_index("ix_documents_content", "documents")
    op.create_index("ix_documents_content", "documents", ["content_hash", "source_id"])
    op.create_index("ix_documents_canonical", "documents", ["canonical_url"])
    op.create_index("ix_documents_original", "documents", ["duplicate_of"])
    _make_leaders()
    op.create_table(
        "llm_answers",
        sa.Column("key", String(64), nullable=False),
        sa.Column("answer", Jsonb, nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_llm_answers")),
    )
    op.create_index("ix_llm_answers_created", "llm_answers", ["created_at"])


def downgrade() -> None:
    op.drop_table("llm_answers")
    _unmake_leaders()
    op.drop_index("ix_documents_original", "documents")
    op.drop_index("ix_documents_canonical", "documents")
    op.drop_index("ix_documents_content", "documents")
    op.create_index("ix_documents_content", "documents", ["source_id", "content_hash"])
    for name in ("similarity", "disagreements", "entities", "keywords"):
        op.drop_column("documents", name)
