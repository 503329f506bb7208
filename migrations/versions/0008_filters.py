"""What lists filter by beside their order: one index of all of it, and whether a session is interrupted."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ORDER = ["unpinned", "age", "session_id"]
_FIGURES = ["archived", "model", "message_count", "estimated_cost"]
_INTERRUPTED = """
    UPDATE sessions SET interrupted = (0 = 0)
    WHERE pending_user_message > '' AND active_stream_id > ''
"""


def upgrade() -> None:
    """Upgrade the index to this revision."""
    op.add_column("sessions", sa.Column("interrupted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(_INTERRUPTED)
    _replace("sessions", [*_ORDER, "hidden", "profile", "project_id", "source", *_FIGURES, "interrupted"])
    _replace("agent_conversations", [*_ORDER, "hidden", "profile", "source", *_FIGURES])


def downgrade() -> None:
    """Downgrade the index to revision 0007."""
    _replace("sessions", _ORDER)
    _replace("agent_conversations", _ORDER)
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("interrupted")


def _replace(table: str, columns: list[str]) -> None:
    op.drop_index(f"ix_{table}_all", table)
    op.create_index(f"ix_{table}_all", table, columns)
