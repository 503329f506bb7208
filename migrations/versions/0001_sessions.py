"""The sessions of the web UI, the files that could not be read, and the state of the index."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision."""
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(128), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("model_provider", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("project_id", sa.Text),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated_cost", sa.Double),
        sa.Column("active_stream_id", sa.Text),
        sa.Column("pending_user_message", sa.Text),
        sa.Column("parent_session_id", sa.Text),
        sa.Column("is_cli_session", sa.Boolean, nullable=False),
        sa.Column("source_tag", sa.Text),
        sa.Column("session_source", sa.Text),
        sa.Column("source_label", sa.Text),
        sa.Column("other", sa.JSON, nullable=False),
        sa.Column("message_count", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.Double),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.Column("draft", sa.Boolean, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("unpinned", sa.Integer, nullable=False),
        sa.Column("age", sa.Double, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("inode", sa.BigInteger, nullable=False),
        sa.Column("transcript_start", sa.BigInteger),
        sa.Column("transcript_end", sa.BigInteger),
    )
    op.create_index("ix_sessions_shown", "sessions", ["hidden", "unpinned", "age", "session_id"])
    op.create_index("ix_sessions_all", "sessions", ["unpinned", "age", "session_id"])
    for name in ("profile", "project_id", "source", "archived"):
        op.create_index(f"ix_sessions_{name}", "sessions", [name, "unpinned", "age", "session_id", "hidden"])
    op.create_table(
        "unreadable_files",
        sa.Column("session_id", sa.String(255), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("inode", sa.BigInteger, nullable=False),
    )
    state = op.create_table(
        "index_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("store_id", sa.String(32), nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("folder_time", sa.BigInteger),
        sa.Column("scanned_at", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "store_id": uuid.uuid4().hex, "generation": 0, "scanned_at": 0}])


def downgrade() -> None:
    """Remove the tables of the index."""
    op.drop_table("index_state")
    op.drop_table("unreadable_files")
    op.drop_table("sessions")
