"""The titles that the first messages of the user give the agent's sessions without a title."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the index to this revision; every agent is read again, which fills the column."""
    op.add_column("agent_sessions", sa.Column("opening", sa.Text))
    op.execute(sa.delete(sa.table("agent_homes")))


def downgrade() -> None:
    """Downgrade the index to revision 0005."""
    with op.batch_alter_table("agent_sessions") as sessions:
        sessions.drop_column("opening")
