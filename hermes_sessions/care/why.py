"""Explanations, in sentences, of where a session is, whether lists show it, and which rule hides it."""

from collections.abc import Iterator, Sequence

from .. import lost_words
from ..agent import Agents, find_agent_session, mirror_states
from ..changes import Store
from ..errors import NotFound, StorageError, Unreadable
from ..fields import UNTITLED, check_id
from ..index import Indexed, database, find_conversation, own_changes, rows
from ..model import Summary
from ..results import LostUpdate
from ..sidecars import backups, load, reading, trash


def explain_session(store: Store, agents: Agents, session_id: str) -> list[str]:
    """Return sentences about a session; raise `InvalidId`."""
    check_id(session_id)
    agents.refresh()
    with database.reading(store.engine) as connection:
        row = rows.get(connection, session_id)
        conversation = find_conversation(connection, session_id)
        segment = find_agent_session(connection, session_id)
        lost = own_changes.lost(connection, session_id)
        problems = [state.warning for state in mirror_states(connection).values() if state.warning]
    in_trash = trash.newest(session_id, store.config.trash_dir) is not None
    return [
        *_of_files(store, session_id),
        *_of_row(row),
        *_of_lost(session_id, lost),
        *_of_agent(segment),
        *(f"not certain: {problem}" for problem in problems),
        *_of_lists(row, conversation, segment, in_trash),
    ]


def _of_files(store: Store, session_id: str) -> Iterator[str]:
    try:
        path = store.path_of(session_id)
        count = reading.message_count(load(path))
        yield f"file: sessions/{session_id}.json, {count} messages"
    except NotFound:
        yield f"file: sessions/{session_id}.json does not exist"
    except (Unreadable, StorageError) as error:
        yield f"file: {error}"
    place = store.sessions_dir / f"{session_id}.json"
    for backup in backups.of_session(place, store.backups_dir):
        yield f"backup: {backup.name}, from before it was shortened"
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


def _of_lost(session_id: str, lost: Sequence[LostUpdate]) -> Iterator[str]:
    if lost:
        meaning = lost_words.in_one([each.meaning for each in lost])
        yield f"lost: {meaning}; to {lost_words.remedy(lost[0])}: `{lost_words.PUT_BACK} {session_id}`"


def _of_agent(segment: Summary | None) -> Iterator[str]:
    if segment is None:
        yield "agent: no session with this id"
    else:
        where = f"profile {segment.profile}, source {segment.source_tag}"
        yield f"agent: a session ({where}) with {segment.message_count} messages"


def _of_lists(
    row: Indexed | None, conversation: Summary | None, segment: Summary | None, in_trash: bool
) -> Iterator[str]:
    """Say which lists show the session, or which rule hides it."""
    if row is not None:
        rule = _hiding_rule(row)
        yield f"lists: hidden, because {rule}; shown with `hidden`" if rule else "lists: shown"
        if row.summary.archived:
            yield "lists: not among the active sessions, because it is archived"
    elif in_trash:
        yield "lists: hidden, because it is in the trash; `restore` brings it back"
    elif conversation is not None and conversation.hidden:
        yield "lists: hidden, because a scheduled job wrote it; shown with `agent` and `hidden`"
    elif conversation is not None:
        yield "lists: shown with `agent`"
    elif segment is not None:
        yield f"lists: hidden, because {_agents_rule(segment)}"
    else:
        yield "lists: not shown, because there is no such session"


def _hiding_rule(row: Indexed) -> str | None:
    if row.draft:
        return "it is a draft"
    if not row.summary.hidden:
        return None
    if row.summary.source == "cron":
        return "a scheduled job wrote it"
    return f"it has no message, is titled {UNTITLED}, and is neither pinned, archived nor in a project"


def _agents_rule(segment: Summary) -> str:
    if segment.source_tag == "webui":
        return "it is the agent's copy of a web session without a file; `agent import` brings it back"
    if not segment.message_count:
        return "it has no message"
    return "it is an earlier segment of a conversation, which lists show by its latest segment"
