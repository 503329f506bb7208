"""What a session copies, so that sums count it once, and which of the agent's segments a session holds."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COPIED = ("copied_messages", "copied_input_tokens", "copied_output_tokens")


def upgrade() -> None:
    """Upgrade the index to this revision; earlier releases wrote neither into their files."""
    op.add_column("sessions", sa.Column("copy_of", sa.String(128)))
    for name in COPIED:
        op.add_column("sessions", sa.Column(name, sa.BigInteger))
    op.add_column("sessions", sa.Column("copied_cost", sa.Double))
    copies = sa.text("copy_of IS NOT NULL")
    op.create_index(
        "ix_sessions_copy_of", "sessions", ["copy_of"], sqlite_where=copies, postgresql_where=copies
    )
    op.create_table(
        "held_segments",
        sa.Column("session_id", sa.String(128), primary_key=True),
        sa.Column("segment_id", sa.String(128), primary_key=True),
    )
    op.create_index("ix_held_segments_segment_id", "held_segments", ["segment_id"])


def downgrade() -> None:
    """Downgrade the index to revision 0003."""
    op.drop_table("held_segments")
    op.drop_index("ix_sessions_copy_of", "sessions")
    with op.batch_alter_table("sessions") as sessions:
        for name in ("copied_cost", *reversed(COPIED), "copy_of"):
            sessions.drop_column(name)
