"""Which columns of a session's row follow from the others, and deriving them again after an upgrade.

No file is read. A change of what is read of a file needs a migration that forgets the versions of the files.
"""

from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from ..errors import Locked
from . import change_log, database, index_state, row_values, rows, tags
from .row_values import Place
from .schema import (
    AGENT_CONVERSATIONS,
    AGENT_HOMES,
    AGENT_SESSIONS,
    CONVERSATION_TAGS,
    INDEX_STATE,
    SESSIONS,
)

# Raise it with each change of these rules, such as which sessions are hidden.
DERIVATION = 4
DERIVED = (
    "hidden",
    "interrupted",
    "source",
    "tags",
    "title_key",
    *Place._fields[:-1],
    *row_values.COPIED_COLUMNS,
)

_KNOWN = sa.select(SESSIONS.c.session_id, *(SESSIONS.c[name] for name in DERIVED))


def derive_again(engine: Engine) -> None:
    """Apply the rules of this program to the rows of an earlier one, and forget the mirrors of the agents.

    If another program has locked the index, the next call does it.
    """
    with database.reading(engine) as connection:
        if connection.execute(sa.select(INDEX_STATE.c.derivation)).scalar_one() == DERIVATION:
            return
    with suppress(Locked), database.writing(engine) as connection:
        _derive(connection)
        for table in (AGENT_CONVERSATIONS, AGENT_SESSIONS, AGENT_HOMES):  # they are read again next
            connection.execute(sa.delete(table))
        connection.execute(sa.update(INDEX_STATE).values(derivation=DERIVATION))
        index_state.next_generation(connection)
        change_log.begin_again(connection)


def _derive(connection: Connection) -> None:
    known = {row["session_id"]: row for row in connection.execute(_KNOWN).mappings()}
    connection.execute(sa.delete(CONVERSATION_TAGS))
    everything = rows.with_tags(connection, rows.every(connection))
    tags.put_of_sessions(connection, [each.summary for each in everything])
    for indexed in everything:
        derived, session_id = row_values.column_values(indexed), indexed.summary.session_id
        wrong = {name: derived[name] for name in DERIVED if derived[name] != known[session_id][name]}
        if wrong:
            connection.execute(sa.update(SESSIONS).where(SESSIONS.c.session_id == session_id).values(wrong))
