"""The tags of conversations, from `tags.json` and from titles."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TAGGED = ("sessions", "agent_conversations")
_OF_FILE = ("tags_version", "tags_warning")


def upgrade() -> None:
    """Upgrade the index to this revision; the next opening finds the tags."""
    for table in _TAGGED:
        op.add_column(table, sa.Column("tags", sa.Text))
    for column in _OF_FILE:
        op.add_column("index_state", sa.Column(column, sa.Text))
    op.create_table(
        "file_tags",
        sa.Column("session_id", sa.String(128), primary_key=True),
        sa.Column("names", sa.Text, nullable=False),
    )
    op.create_table(
        "conversation_tags",
        sa.Column("profile", sa.String(255), primary_key=True),
        sa.Column("session_id", sa.String(128), primary_key=True),
        sa.Column("tag", sa.String(255), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.create_index("ix_conversation_tags_tag", "conversation_tags", ["tag", "profile", "session_id"])


def downgrade() -> None:
    """Downgrade the index to revision 0009."""
    op.drop_table("conversation_tags")
    op.drop_table("file_tags")
    with op.batch_alter_table("index_state") as index_state:
        for column in _OF_FILE:
            index_state.drop_column(column)
    for table in _TAGGED:
        with op.batch_alter_table(table) as altered:
            altered.drop_column("tags")
