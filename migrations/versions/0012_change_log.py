"""Which conversations changed, in order, for programs that follow the changes."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision; the log begins with an entry that names no conversation."""
    log = op.create_table(
        "change_log",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("session_id", sa.String(255), nullable=False),
    )
    op.bulk_insert(log, [{"stamp": 0, "session_id": ""}])


def downgrade() -> None:
    """Downgrade the index to revision 0011."""
    op.drop_table("change_log")
