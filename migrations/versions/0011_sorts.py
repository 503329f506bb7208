"""What lists are sorted by beside the latest activity: the creation, and titles in alphabetical order."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OF_BOTH = ["unpinned", "age", "session_id", "hidden", "profile"]
_FIGURES = ["source", "archived", "model", "message_count", "estimated_cost"]
_OF_SESSIONS = [*_OF_BOTH, "project_id", *_FIGURES, "interrupted"]
_OF_CONVERSATIONS = [*_OF_BOTH, *_FIGURES]
_SORTED = ["created_at", "title_key"]


def upgrade() -> None:
    """Upgrade the index to this revision; the next opening finds the keys of the titles."""
    for table in ("sessions", "agent_conversations"):
        op.add_column(table, sa.Column("title_key", sa.Text, nullable=False, server_default=sa.text("''")))
    _replace("sessions", [*_OF_SESSIONS, *_SORTED])
    _replace("agent_conversations", [*_OF_CONVERSATIONS, *_SORTED])


def downgrade() -> None:
    """Downgrade the index to revision 0010."""
    _replace("sessions", _OF_SESSIONS)
    _replace("agent_conversations", _OF_CONVERSATIONS)
    for table in ("sessions", "agent_conversations"):
        with op.batch_alter_table(table) as altered:
            altered.drop_column("title_key")


def _replace(table: str, columns: list[str]) -> None:
    op.drop_index(f"ix_{table}_all", table)
    op.create_index(f"ix_{table}_all", table, columns)
