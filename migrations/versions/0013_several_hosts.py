"""The first segment of a conversation as a column; on PostgreSQL, any JSON, and names of any length."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_JSON = (
    ("sessions", "other"),
    ("agent_sessions", "lineage"),
    ("agent_conversations", "lineage"),
    ("kept_parents", "lineage"),
    ("own_changes", "values"),
)


def upgrade() -> None:
    """Upgrade the index to this revision; SQLite has sorted by bytes, and kept JSON as text, all along.

    The next opening reads the agents' conversations again.
    """
    op.add_column("agent_conversations", sa.Column("root_id", sa.String(128)))
    op.add_column("index_state", sa.Column("home_id", sa.String(32)))
    if op.get_bind().dialect.name == "postgresql":
        for table, column in _text_columns():
            _change(table, column, 'TEXT COLLATE "C"', "TEXT")


def downgrade() -> None:
    """Downgrade the index to revision 0012; names may stay as they are."""
    for table, column in (("agent_conversations", "root_id"), ("index_state", "home_id")):
        with op.batch_alter_table(table) as altered:
            altered.drop_column(column)
    if op.get_bind().dialect.name == "postgresql":
        for table, column in _JSON:
            _change(table, column, "JSON", "JSON")


def _text_columns() -> list[tuple[str, str]]:
    inspector = sa.inspect(op.get_bind())
    return [
        (table, column["name"])
        for table in inspector.get_table_names()
        if table != "alembic_version"
        for column in inspector.get_columns(table)
        if isinstance(column["type"], sa.String | sa.JSON)
    ]


def _change(table: str, column: str, kind: str, cast: str) -> None:
    op.execute(f'ALTER TABLE {table} ALTER COLUMN "{column}" TYPE {kind} USING "{column}"::{cast}')
