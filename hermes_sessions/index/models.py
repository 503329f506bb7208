"""The index's tables mapped to classes, for Alembic and for programs that use SQLAlchemy's ORM.

The classes take their columns from `schema`. The library queries the tables themselves and does not load this
module: importing the ORM takes longer than listing sessions.
"""

from sqlalchemy.orm import DeclarativeBase

from . import schema


class Base(DeclarativeBase):
    """The base of the mapped classes; its `metadata` is what Alembic compares with a database."""

    metadata = schema.METADATA


class SessionRow(Base):
    """One session of the web UI as lists need it; the files are the truth, so read it, and never write it."""

    __table__ = schema.SESSIONS


class UnreadableFileRow(Base):
    """A file of the sessions folder that cannot be read as a session, and why."""

    __table__ = schema.UNREADABLE_FILES


class TrashedSessionRow(Base):
    """A session that lies in the trash."""

    __table__ = schema.TRASHED


class OwnChangeRow(Base):
    """A field of a session that this program has set, and whether another program has overwritten it."""

    __table__ = schema.OWN_CHANGES


class HeldSegmentRow(Base):
    """One of the agent's segments that a session of another id holds."""

    __table__ = schema.HELD_SEGMENTS


class KeptParentRow(Base):
    """What lists say of the parent of an agent's session, as the file of the parent keeps it."""

    __table__ = schema.KEPT_PARENTS


class AgentSessionRow(Base):
    """One session of the agent as it was last read, by its id and profile."""

    __table__ = schema.AGENT_SESSIONS


class AgentConversationRow(Base):
    """One conversation of the agent as lists show it, by the id of its latest segment."""

    __table__ = schema.AGENT_CONVERSATIONS


class AgentHomeRow(Base):
    """How far the mirror of one profile's agent is."""

    __table__ = schema.AGENT_HOMES


class IndexStateRow(Base):
    """How far the index is; there is one row."""

    __table__ = schema.INDEX_STATE


class HostStateRow(Base):
    """How far the index is with what one of several hosts sees of the folders."""

    __table__ = schema.HOST_STATES


class FileTagsRow(Base):
    """The tags that `tags.json` has for an id, as it was last read."""

    __table__ = schema.FILE_TAGS


class ConversationTagRow(Base):
    """A tag of a session, or of an agent's conversation."""

    __table__ = schema.CONVERSATION_TAGS


class ChangeLogRow(Base):
    """An entry of the log of changes: the id of a conversation that a list shows otherwise than before."""

    __table__ = schema.CHANGE_LOG
