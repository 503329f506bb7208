"""The schema of the index as tables of SQLAlchemy; the migrations in `migrations/` create it.

Core tables, since importing the ORM takes longer than listing sessions; `models` maps them to classes.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    false,
    text,
)

from ..fields import FIELDS
from .column_types import TEXT, Json, name_type

METADATA = MetaData()  # Alembic compares it with the database

_COPY = text("copy_of IS NOT NULL")  # few sessions are copies, and no other has an entry in their index
_WHERE_COPY: dict[str, Any] = {"sqlite_where": _COPY, "postgresql_where": _COPY}

# One session as lists need it; `other` holds the metadata that no list filters, sorts or shows.
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("session_id", name_type(128), primary_key=True),
    Column("title", TEXT, nullable=False),
    Column("workspace", TEXT),
    Column("model", TEXT),
    Column("model_provider", TEXT),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("project_id", TEXT),
    Column("profile", TEXT, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("estimated_cost", Double),
    Column("active_stream_id", TEXT),
    Column("pending_user_message", TEXT),
    Column("parent_session_id", TEXT),
    Column("is_cli_session", Boolean, nullable=False),
    Column("source_tag", TEXT),
    Column("session_source", TEXT),
    Column("source_label", TEXT),
    Column("other", Json, nullable=False),
    Column("message_count", BigInteger, nullable=False),
    Column("sent_at", Double),
    # What lists filter by: `source` is the source's class.
    Column("hidden", Boolean, nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("source", name_type(32), nullable=False),
    # The order of every list, all ascending: 0 if pinned else 1, minus the time of the last activity, id.
    Column("unpinned", Integer, nullable=False),
    Column("age", Double, nullable=False),
    # The version of the file that this row was made from, and where its transcript lies in it: see `marks`.
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("transcript_start", BigInteger),
    Column("transcript_end", BigInteger),
    Column("tool_calls_start", BigInteger),
    Column("tool_calls_end", BigInteger),
    Column("marks", LargeBinary),
    # What it copies, and the figures that both have: see `origins.Copied`. Sums count these once.
    Column("copy_of", name_type(128)),
    Column("copied_messages", BigInteger),
    Column("copied_input_tokens", BigInteger),
    Column("copied_output_tokens", BigInteger),
    Column("copied_cost", Double),
    Column("interrupted", Boolean, nullable=False, server_default=false()),
    Column("tags", TEXT),  # the names, with commas between them; NULL for none
    Column("title_key", TEXT, nullable=False, server_default=text("''")),  # what titles are sorted by
    Index("ix_sessions_copy_of", "copy_of", **_WHERE_COPY),
    Index("ix_sessions_shown", "hidden", "unpinned", "age", "session_id"),
    # Lists by figures, by models and in other orders are read off this index alone: see `list_queries`.
    Index(
        *("ix_sessions_all", "unpinned", "age", "session_id", "hidden", "profile", "project_id", "source"),
        *("archived", "model", "message_count", "estimated_cost", "interrupted", "created_at", "title_key"),
    ),
    *(
        Index(f"ix_sessions_{name}", name, "unpinned", "age", "session_id", "hidden")
        for name in ("profile", "project_id", "source", "archived")
    ),
)

# A file of the sessions folder that is no session: kept so that lists can say so. `title` is the one that it
# had when it could last be read, NULL if it never was.
UNREADABLE_FILES = Table(
    "unreadable_files",
    METADATA,
    Column("session_id", name_type(255), primary_key=True),
    Column("reason", TEXT, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("title", TEXT),
)

# One of the agent's segments that a session of another id holds: a list shows it there, not as the agent's.
HELD_SEGMENTS = Table(
    "held_segments",
    METADATA,
    Column("session_id", name_type(128), primary_key=True),
    Column("segment_id", name_type(128), primary_key=True),
    Index("ix_held_segments_segment_id", "segment_id"),
)

# What lists say of the parent of an agent's session, as the file of the parent keeps it. The agent's row of
# the child lost it when the parent was deleted from the agent.
KEPT_PARENTS = Table(
    "kept_parents",
    METADATA,
    Column("session_id", name_type(128), primary_key=True),
    Column("child_id", name_type(128), primary_key=True),
    Column("lineage", Json, nullable=False),
    Index("ix_kept_parents_child_id", "child_id"),
)

# A session that lies in the trash: kept so that the agent's copy of it does not come back in a list.
#
# `deleted_at` is when its user deleted it, in nanoseconds; None if only a version of it lies there.
TRASHED = Table(
    "trashed_sessions",
    METADATA,
    Column("session_id", name_type(255), primary_key=True),
    Column("deleted_at", BigInteger),
)

# A field of a session that this program has set: see `own_changes`. `values` are those `before`, the one
# `after`, and once that was overwritten `theirs`.
_LOST = text("lost_at IS NOT NULL")
OWN_CHANGES = Table(
    "own_changes",
    METADATA,
    Column("session_id", name_type(128), primary_key=True),
    Column("field", name_type(32), primary_key=True),
    Column("values", Json, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("lost_at", Double),
    Index("ix_own_changes_lost_at", "lost_at", sqlite_where=_LOST, postgresql_where=_LOST),
)

# One row of an agent's `sessions` as last read: its own facts, its family, and what lineage says of it.
#
# `counted` is its own `message_count`; what its messages amount to stands beside it.
AGENT_SESSIONS = Table(
    "agent_sessions",
    METADATA,
    Column("session_id", name_type(128), primary_key=True),
    Column("profile", name_type(255), primary_key=True),
    Column("source", TEXT),
    Column("title", TEXT),
    Column("model", TEXT),
    Column("parent_session_id", TEXT),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("end_reason", TEXT),
    Column("counted", BigInteger, nullable=False),
    Column("message_count", BigInteger, nullable=False),
    Column("last_activity", Double),
    Column("archived", Boolean, nullable=False),
    Column("workspace", TEXT),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("estimated_cost", Double),
    Column("first", BigInteger),
    Column("last", BigInteger),
    Column("family", TEXT, nullable=False),
    Column("lineage", Json(none_as_null=True)),
    Column("opening", TEXT),
    Index("ix_agent_sessions_family", "profile", "family"),
    Index("ix_agent_sessions_parent", "profile", "parent_session_id", "ended_at"),
    Index("ix_agent_sessions_recent", "profile", "last_activity"),
)

# One conversation of an agent as lists show it, by the id of its latest segment.
AGENT_CONVERSATIONS = Table(
    "agent_conversations",
    METADATA,
    Column("session_id", name_type(128), primary_key=True),
    Column("profile", name_type(255), primary_key=True),
    Column("title", TEXT, nullable=False),
    Column("workspace", TEXT),
    Column("model", TEXT),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("estimated_cost", Double),
    Column("parent_session_id", TEXT),
    Column("source_tag", TEXT),
    Column("session_source", TEXT),
    Column("source_label", TEXT),
    Column("message_count", BigInteger, nullable=False),
    Column("lineage", Json, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("source", name_type(32), nullable=False),
    Column("unpinned", Integer, nullable=False),
    Column("age", Double, nullable=False),
    Column("tags", TEXT),
    Column("title_key", TEXT, nullable=False, server_default=text("''")),
    Column("root_id", name_type(128)),  # of its first segment, as its lineage has it
    Index("ix_agent_conversations_shown", "hidden", "unpinned", "age", "session_id"),
    Index(
        *("ix_agent_conversations_all", "unpinned", "age", "session_id", "hidden", "profile", "source"),
        *("archived", "model", "message_count", "estimated_cost", "created_at", "title_key"),
    ),
    *(
        Index(f"ix_agent_conversations_{name}", name, "unpinned", "age", "session_id", "hidden")
        for name in ("profile", "source", "archived")
    ),
)

# What `tags.json` has for an id, as it was last read: the names, with commas between them.
FILE_TAGS = Table(
    "file_tags",
    METADATA,
    Column("session_id", name_type(128), primary_key=True),
    Column("names", TEXT, nullable=False),
)

# A tag of a conversation, by its key, from `tags.json` or from the title: what the columns `tags` hold too.
# `profile` is that of the agent whose conversation it is, empty for a session of the web UI.
CONVERSATION_TAGS = Table(
    "conversation_tags",
    METADATA,
    Column("profile", name_type(255), primary_key=True),
    Column("session_id", name_type(128), primary_key=True),
    Column("tag", name_type(255), primary_key=True),
    Column("name", TEXT, nullable=False),
    Index("ix_conversation_tags_tag", "tag", "profile", "session_id"),
)

# How far the mirror of one profile's agent is; times in nanoseconds since the epoch.
#
# `seen` is what `stat` said of the files; `looked_at` is when they were last read, `whole_at` when as a
# whole; `warning` is what a list has to say of it, `failed` whether it could not be read.
AGENT_HOMES = Table(
    "agent_homes",
    METADATA,
    Column("profile", name_type(255), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("seen", TEXT, nullable=False),
    Column("looked_at", BigInteger, nullable=False),
    Column("whole_at", BigInteger, nullable=False),
    Column("sessions", BigInteger, nullable=False),
    Column("last_message", BigInteger, nullable=False),
    Column("fingerprint", TEXT),
    Column("warning", TEXT),
    Column("failed", Boolean, nullable=False),
)

# A conversation that a list shows otherwise than before, by its id, in the order of the changes: see
# `change_log`.
CHANGE_LOG = Table(
    "change_log",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("stamp", BigInteger, nullable=False),
    Column("session_id", name_type(255), nullable=False),
)

# The one row that says how far the index is: see `drift` for the times, in nanoseconds, and `derived`.
INDEX_STATE = Table(
    "index_state",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("store_id", name_type(32), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("folder_time", BigInteger),
    Column("scanned_at", BigInteger, nullable=False),
    Column("trash_time", BigInteger),
    Column("derivation", Integer, nullable=False, server_default="0"),
    Column("tags_version", TEXT),  # of `tags.json`, see `tag_sync`; and why it cannot be read, if so
    Column("tags_warning", TEXT),
    Column("home_id", name_type(32)),  # of the one home that uses a database of a server: see `ownership`
)

# The times of `INDEX_STATE` as each host sees the folders, if several use the home: see `hosts`.
HOST_STATES = Table(
    "host_states",
    METADATA,
    Column("host", name_type(32), primary_key=True),
    Column("folder_time", BigInteger),
    Column("scanned_at", BigInteger, nullable=False),
    Column("trash_time", BigInteger),
)

COLUMN_FIELDS = tuple(name for name in FIELDS if name in SESSIONS.c)
OTHER_FIELDS = tuple(name for name in FIELDS if name not in SESSIONS.c)
# What `summary` takes.
SUMMARY_COLUMNS = [
    SESSIONS.c[name] for name in ("session_id", *COLUMN_FIELDS, "message_count", "sent_at", "tags", "other")
]
