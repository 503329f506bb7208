"""What a file keeps of the agent's sessions that its conversation started."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision; earlier releases wrote none of this into their files."""
    op.create_table(
        "kept_parents",
        sa.Column("session_id", sa.String(128), primary_key=True),
        sa.Column("child_id", sa.String(128), primary_key=True),
        sa.Column("lineage", sa.JSON, nullable=False),
    )
    op.create_index("ix_kept_parents_child_id", "kept_parents", ["child_id"])


def downgrade() -> None:
    """Downgrade the index to revision 0004."""
    op.drop_table("kept_parents")
