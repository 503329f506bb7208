"""The schema of the index as mapped classes and their tables; the migrations in `migrations/` create it."""

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ..fields import FIELDS


class Base(DeclarativeBase):
    """What Alembic compares with the database."""

    type_annotation_map: ClassVar = {float: sa.Double}


class SessionRow(Base):
    """One session as lists need it; `other` holds the metadata that no list filters, sorts or shows."""

    __tablename__ = "sessions"

    session_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    model_provider: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float]
    updated_at: Mapped[float]
    pinned: Mapped[bool]
    archived: Mapped[bool]
    project_id: Mapped[str | None] = mapped_column(Text)
    profile: Mapped[str] = mapped_column(Text)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated_cost: Mapped[float | None]
    active_stream_id: Mapped[str | None] = mapped_column(Text)
    pending_user_message: Mapped[str | None] = mapped_column(Text)
    parent_session_id: Mapped[str | None] = mapped_column(Text)
    is_cli_session: Mapped[bool]
    source_tag: Mapped[str | None] = mapped_column(Text)
    session_source: Mapped[str | None] = mapped_column(Text)
    source_label: Mapped[str | None] = mapped_column(Text)
    other: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    message_count: Mapped[int] = mapped_column(BigInteger)
    sent_at: Mapped[float | None]

    # What lists filter by: `source` is the source's class.
    hidden: Mapped[bool]
    draft: Mapped[bool]
    source: Mapped[str] = mapped_column(String(32))

    # The order of every list, all ascending: 0 if pinned else 1, minus the time of the last activity, id.
    unpinned: Mapped[int]
    age: Mapped[float]

    # The version of the file that this row was made from, and where its transcript lies in it: see `marks`.
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[int] = mapped_column(BigInteger)
    transcript_start: Mapped[int | None] = mapped_column(BigInteger)
    transcript_end: Mapped[int | None] = mapped_column(BigInteger)
    tool_calls_start: Mapped[int | None] = mapped_column(BigInteger)
    tool_calls_end: Mapped[int | None] = mapped_column(BigInteger)
    marks: Mapped[bytes | None] = mapped_column(sa.LargeBinary)

    __table_args__ = (
        sa.Index("ix_sessions_shown", "hidden", "unpinned", "age", "session_id"),
        sa.Index("ix_sessions_all", "unpinned", "age", "session_id"),
        *(
            sa.Index(f"ix_sessions_{name}", name, "unpinned", "age", "session_id", "hidden")
            for name in ("profile", "project_id", "source", "archived")
        ),
    )


class UnreadableFile(Base):
    """A file of the sessions folder that is no session: kept so that lists can say so."""

    __tablename__ = "unreadable_files"

    session_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[int] = mapped_column(BigInteger)


class TrashedSession(Base):
    """A session that lies in the trash: kept so that the agent's copy of it does not come back in a list."""

    __tablename__ = "trashed_sessions"

    session_id: Mapped[str] = mapped_column(String(255), primary_key=True)


class AgentSessionRow(Base):
    """One row of an agent's `sessions` as last read: its own facts, its family, and what lineage says of it.

    `counted` is its own `message_count`; what its messages amount to stands beside it.
    """

    __tablename__ = "agent_sessions"

    session_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    profile: Mapped[str] = mapped_column(String(255), primary_key=True)
    source: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    parent_session_id: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    end_reason: Mapped[str | None] = mapped_column(Text)
    counted: Mapped[int] = mapped_column(BigInteger)
    message_count: Mapped[int] = mapped_column(BigInteger)
    last_activity: Mapped[float | None]
    archived: Mapped[bool]
    workspace: Mapped[str | None] = mapped_column(Text)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated_cost: Mapped[float | None]
    first: Mapped[int | None] = mapped_column(BigInteger)
    last: Mapped[int | None] = mapped_column(BigInteger)
    family: Mapped[str] = mapped_column(Text)
    lineage: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))

    __table_args__ = (
        sa.Index("ix_agent_sessions_family", "profile", "family"),
        sa.Index("ix_agent_sessions_parent", "profile", "parent_session_id", "ended_at"),
        sa.Index("ix_agent_sessions_recent", "profile", "last_activity"),
    )


class AgentConversationRow(Base):
    """One conversation of an agent as lists show it, by the id of its latest segment."""

    __tablename__ = "agent_conversations"

    session_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    profile: Mapped[str] = mapped_column(String(255), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float]
    updated_at: Mapped[float]
    archived: Mapped[bool]
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated_cost: Mapped[float | None]
    parent_session_id: Mapped[str | None] = mapped_column(Text)
    source_tag: Mapped[str | None] = mapped_column(Text)
    session_source: Mapped[str | None] = mapped_column(Text)
    source_label: Mapped[str | None] = mapped_column(Text)
    message_count: Mapped[int] = mapped_column(BigInteger)
    lineage: Mapped[dict[str, Any]] = mapped_column(sa.JSON)

    hidden: Mapped[bool]
    source: Mapped[str] = mapped_column(String(32))
    unpinned: Mapped[int]
    age: Mapped[float]

    __table_args__ = (
        sa.Index("ix_agent_conversations_shown", "hidden", "unpinned", "age", "session_id"),
        sa.Index("ix_agent_conversations_all", "unpinned", "age", "session_id"),
        *(
            sa.Index(f"ix_agent_conversations_{name}", name, "unpinned", "age", "session_id", "hidden")
            for name in ("profile", "source", "archived")
        ),
    )


class AgentHome(Base):
    """How far the mirror of one profile's agent is; times in nanoseconds since the epoch.

    `seen` is what `stat` said of the files; `looked_at` is when they were last read, `whole_at` when as a
    whole; `warning` is what a list has to say of it, `failed` whether it could not be read.
    """

    __tablename__ = "agent_homes"

    profile: Mapped[str] = mapped_column(String(255), primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    seen: Mapped[str] = mapped_column(Text)
    looked_at: Mapped[int] = mapped_column(BigInteger)
    whole_at: Mapped[int] = mapped_column(BigInteger)
    sessions: Mapped[int] = mapped_column(BigInteger)
    last_message: Mapped[int] = mapped_column(BigInteger)
    fingerprint: Mapped[str | None] = mapped_column(Text)
    warning: Mapped[str | None] = mapped_column(Text)
    failed: Mapped[bool]


class IndexState(Base):
    """The one row that says how far the index is: see `drift` for the times, in nanoseconds."""

    __tablename__ = "index_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    store_id: Mapped[str] = mapped_column(String(32))
    generation: Mapped[int] = mapped_column(BigInteger)
    folder_time: Mapped[int | None] = mapped_column(BigInteger)
    scanned_at: Mapped[int] = mapped_column(BigInteger)
    trash_time: Mapped[int | None] = mapped_column(BigInteger)


SESSIONS: sa.Table = SessionRow.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
UNREADABLE_FILES: sa.Table = UnreadableFile.__table__  # type: ignore[assignment]  # as above
INDEX_STATE: sa.Table = IndexState.__table__  # type: ignore[assignment]  # as above
TRASHED: sa.Table = TrashedSession.__table__  # type: ignore[assignment]  # as above
AGENT_SESSIONS: sa.Table = AgentSessionRow.__table__  # type: ignore[assignment]  # as above
AGENT_CONVERSATIONS: sa.Table = AgentConversationRow.__table__  # type: ignore[assignment]  # as above
AGENT_HOMES: sa.Table = AgentHome.__table__  # type: ignore[assignment]  # as above

COLUMN_FIELDS = tuple(name for name in FIELDS if name in SESSIONS.c)
OTHER_FIELDS = tuple(name for name in FIELDS if name not in SESSIONS.c)
# What `summary` takes.
SUMMARY_COLUMNS = [
    SESSIONS.c[name] for name in ("session_id", *COLUMN_FIELDS, "message_count", "sent_at", "other")
]
