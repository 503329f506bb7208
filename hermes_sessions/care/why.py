"""Where a session is, whether the lists show it, and which rule hides it: in words."""

from collections.abc import Iterator

from ..agent import Agents, find_agent_session, mirror_states
from ..changes import Store
from ..errors import NotFound, StorageError, Unreadable
from ..fields import UNTITLED, check_id
from ..index import Indexed, database, find_conversation, rows
from ..model import Summary
from ..sidecars import folder, load, reading, trash


def explain_session(store: Store, agents: Agents, session_id: str) -> list[str]:
    """Return what is known of a session, a sentence each; raise `InvalidId`."""
    check_id(session_id)
    agents.refresh()
    with database.reading(store.engine) as connection:
        row = rows.get(connection, session_id)
        conversation = find_conversation(connection, session_id)
        segment = find_agent_session(connection, session_id)
        problems = [state.warning for state in mirror_states(connection).values() if state.warning]
    in_trash = trash.newest(session_id, store.config.trash_dir) is not None
    return [
        *_of_files(store, session_id),
        *_of_row(row),
        *_of_agent(segment),
        *(f"not known for sure: {problem}" for problem in problems),
        *_of_lists(row, conversation, segment, in_trash),
    ]


def _of_files(store: Store, session_id: str) -> Iterator[str]:
    try:
        path = store.path_of(session_id)
        count = reading.message_count(load(path))
        yield f"file: sessions/{session_id}.json, {count} messages"
    except NotFound:
        yield f"file: there is no sessions/{session_id}.json"
    except (Unreadable, StorageError) as error:
        yield f"file: {error}"
    backup = None if session_id.startswith("_") else folder.backup_of(store.path_of(session_id))
    if backup is not None:
        yield f"backup: sessions/{backup.name}, from before it was shortened"
    for entry in trash.of_session(session_id, store.trash_dir):
        count = trash.describe(entry).message_count
        yield f"trash: {entry.path.name}, {count} messages, {entry.why}"


def _of_row(row: Indexed | None) -> Iterator[str]:
    if row is None:
        yield "index: no row"
    elif row.draft:
        yield "index: a draft, which has no file until its first message"
    else:
        yield f"index: a row with {row.summary.message_count} messages"


def _of_agent(segment: Summary | None) -> Iterator[str]:
    if segment is None:
        yield "agent: no session of this id"
    else:
        where = f"profile {segment.profile}, source {segment.source_tag}"
        yield f"agent: a session of {where}, with {segment.message_count} messages"


def _of_lists(
    row: Indexed | None, conversation: Summary | None, segment: Summary | None, in_trash: bool
) -> Iterator[str]:
    """Tell which list shows the session, or what hides it."""
    if row is not None:
        rule = _hiding_rule(row)
        yield f"lists: hidden, {rule}; with hidden they show it" if rule else "lists: shown"
        if row.summary.archived:
            yield "lists: among the archived ones only, where they are asked for apart"
    elif in_trash:
        yield "lists: hidden, it lies in the trash; restore gives it back"
    elif conversation is not None:
        hidden = conversation.hidden
        words = (
            "hidden, it is a scheduled job's; with agent and hidden they show it"
            if hidden
            else "shown with agent"
        )
        yield f"lists: {words}"
    elif segment is not None:
        yield f"lists: hidden, {_agents_rule(segment)}"
    else:
        yield "lists: no list shows it, for it is nowhere"


def _hiding_rule(row: Indexed) -> str | None:
    if row.draft:
        return "it is a draft"
    if not row.summary.hidden:
        return None
    if row.summary.source == "cron":
        return "it is a scheduled job's"
    return f"it has no message and no title but {UNTITLED}"


def _agents_rule(segment: Summary) -> str:
    if segment.source_tag == "webui":
        return "it is the agent's copy of a web session, whose file is gone; an import brings it back"
    if not segment.message_count:
        return "it has no message"
    return "it is an earlier segment of a conversation, which the list shows by its latest"
