"""The agents' sessions and conversations, the state of each agent's mirror, and the sessions in the trash."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision."""
    op.create_table(
        "agent_sessions",
        sa.Column("session_id", sa.String(128), primary_key=True),
        sa.Column("profile", sa.String(255), primary_key=True),
        sa.Column("source", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("parent_session_id", sa.Text),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("end_reason", sa.Text),
        sa.Column("counted", sa.BigInteger, nullable=False),
        sa.Column("message_count", sa.BigInteger, nullable=False),
        sa.Column("last_activity", sa.Double),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("workspace", sa.Text),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated_cost", sa.Double),
        sa.Column("first", sa.BigInteger),
        sa.Column("last", sa.BigInteger),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("lineage", sa.JSON(none_as_null=True)),
    )
    op.create_index("ix_agent_sessions_family", "agent_sessions", ["profile", "family"])
    op.create_index(
        "ix_agent_sessions_parent", "agent_sessions", ["profile", "parent_session_id", "ended_at"]
    )
    op.create_index("ix_agent_sessions_recent", "agent_sessions", ["profile", "last_activity"])
    op.create_table(
        "agent_conversations",
        sa.Column("session_id", sa.String(128), primary_key=True),
        sa.Column("profile", sa.String(255), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated_cost", sa.Double),
        sa.Column("parent_session_id", sa.Text),
        sa.Column("source_tag", sa.Text),
        sa.Column("session_source", sa.Text),
        sa.Column("source_label", sa.Text),
        sa.Column("message_count", sa.BigInteger, nullable=False),
        sa.Column("lineage", sa.JSON, nullable=False),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("unpinned", sa.Integer, nullable=False),
        sa.Column("age", sa.Double, nullable=False),
    )
    listed = ["unpinned", "age", "session_id"]
    op.create_index("ix_agent_conversations_shown", "agent_conversations", ["hidden", *listed])
    op.create_index("ix_agent_conversations_all", "agent_conversations", listed)
    for name in ("profile", "source", "archived"):
        op.create_index(f"ix_agent_conversations_{name}", "agent_conversations", [name, *listed, "hidden"])
    op.create_table(
        "agent_homes",
        sa.Column("profile", sa.String(255), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("looked_at", sa.BigInteger, nullable=False),
        sa.Column("whole_at", sa.BigInteger, nullable=False),
        sa.Column("sessions", sa.BigInteger, nullable=False),
        sa.Column("last_message", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.Text),
        sa.Column("warning", sa.Text),
        sa.Column("failed", sa.Boolean, nullable=False),
    )
    op.create_table("trashed_sessions", sa.Column("session_id", sa.String(255), primary_key=True))
    op.add_column("index_state", sa.Column("trash_time", sa.BigInteger))


def downgrade() -> None:
    """Downgrade the index to revision 0001."""
    with op.batch_alter_table("index_state") as index_state:
        index_state.drop_column("trash_time")
    op.drop_table("trashed_sessions")
    op.drop_table("agent_homes")
    op.drop_table("agent_conversations")
    op.drop_table("agent_sessions")
