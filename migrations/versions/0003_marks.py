"""The offsets of messages in a session's file, so that a page of them can be read alone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision; the offsets are stored when a file is read next."""
    op.add_column("sessions", sa.Column("tool_calls_start", sa.BigInteger))
    op.add_column("sessions", sa.Column("tool_calls_end", sa.BigInteger))
    op.add_column("sessions", sa.Column("marks", sa.LargeBinary))


def downgrade() -> None:
    """Downgrade the index to revision 0002."""
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("marks")
        sessions.drop_column("tool_calls_end")
        sessions.drop_column("tool_calls_start")
