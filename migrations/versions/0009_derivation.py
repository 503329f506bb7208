"""By which rules the columns were derived that follow from others, so that later rules are applied once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision; all of it was derived by earlier rules."""
    op.add_column("index_state", sa.Column("derivation", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Downgrade the index to revision 0008."""
    with op.batch_alter_table("index_state") as index_state:
        index_state.drop_column("derivation")
