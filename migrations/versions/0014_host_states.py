"""When the index was in line with what each host sees, of several that use one home."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision; each host scans its folders once."""
    name = sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(32)
    op.create_table(
        "host_states",
        sa.Column("host", name, primary_key=True),
        sa.Column("folder_time", sa.BigInteger),
        sa.Column("scanned_at", sa.BigInteger, nullable=False),
        sa.Column("trash_time", sa.BigInteger),
    )


def downgrade() -> None:
    """Downgrade the index to revision 0013."""
    op.drop_table("host_states")
