"""Which title a file had before it could no longer be read."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision; of files that cannot be read already, no title is known."""
    op.add_column("unreadable_files", sa.Column("title", sa.Text))


def downgrade() -> None:
    """Downgrade the index to revision 0014."""
    op.drop_column("unreadable_files", "title")
