"""What this program changed last in sessions, so that another program's overwriting of it can be noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision; changes made before it are not known."""
    op.create_table(
        "own_changes",
        sa.Column("session_id", sa.String(128), primary_key=True),
        sa.Column("field", sa.String(32), primary_key=True),
        sa.Column("values", sa.JSON, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.Column("lost_at", sa.Double),
    )
    lost = sa.text("lost_at IS NOT NULL")
    op.create_index(
        "ix_own_changes_lost_at", "own_changes", ["lost_at"], sqlite_where=lost, postgresql_where=lost
    )
    op.add_column("trashed_sessions", sa.Column("deleted_at", sa.BigInteger))
    op.execute("UPDATE index_state SET trash_time = NULL")


def downgrade() -> None:
    """Downgrade the index to revision 0006."""
    with op.batch_alter_table("trashed_sessions") as trashed_sessions:
        trashed_sessions.drop_column("deleted_at")
    op.drop_index("ix_own_changes_lost_at", "own_changes")
    op.drop_table("own_changes")
