"""The agent's conversations: imported as sessions here, and deleted here only or from the agent as well.

What *delete* means, for every caller: `delete_here` moves a session to the trash. Of a conversation that only
the agent has, a copy of each segment goes to the trash, which hides the original. `delete_everywhere` does
the same and then deletes the conversation from the agent. Either can be undone from the trash.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from ..agent import Agents
from ..errors import AgentUnavailable, Conflict, NotFound, ReadOnly, StorageError
from ..fields import check_id
from ..model import Session
from ..results import TrashReason
from ..sidecars import Loaded, editing, reading, signature, trash
from .create import write_new
from .projects import Projects
from .restore import delete_session
from .retry import retry_conflicts
from .save import write_over
from .store import Store


def refuse_agent_session(agents: Agents, session_id: str) -> None:
    """Raise `ReadOnly` for a session that only an agent has, `AgentUnavailable` if that cannot be known."""
    with suppress(NotFound), agents.reading_mirrors() as connection:
        agents.summary(connection, session_id)
        raise ReadOnly(f"session {session_id} belongs to the agent: import it to change it")


# ---- importing ------------------------------------------------------------------------------------------


def import_agent_session(
    store: Store, agents: Agents, projects: Projects, session_id: str
) -> tuple[Session, bool]:
    """Write an agent's session as a file, or add to its file what is new; return whether the file is new.

    A scheduled job's session joins the project of those. A file whose messages are not the first of the
    agent's was changed here: it stays as it is. Raises `Conflict` for a session in the trash.
    """
    session = _read(store, agents, session_id)
    if session.source == "cron":
        session = replace(session, project_id=projects.ensure_cron().project_id)
    with store.lock(session.session_id):
        loaded = store.load(session.session_id)
        if loaded is not None:
            return _extend(store, loaded, session), False
        _refuse_trashed(store, session.session_id)
        return write_new(store, session), True


def _read(store: Store, agents: Agents, session_id: str) -> Session:
    if signature(store.path_of(session_id)) is None:
        _refuse_trashed(store, session_id)
    with agents.reading_mirrors() as connection:
        return agents.session(connection, agents.summary(connection, session_id))


def _refuse_trashed(store: Store, session_id: str) -> None:
    if trash.newest(session_id, store.trash_dir):
        raise Conflict(f"session {session_id} is in the trash; restore it instead")


def _extend(store: Store, loaded: Loaded, session: Session) -> Session:
    old = reading.session(loaded)
    if len(old.messages) >= len(session.messages) or not _begins_with(session.messages, old.messages):
        return old
    updated_at = max(old.updated_at, session.updated_at)
    longer = [*old.messages, *session.messages[len(old.messages) :]]
    return write_over(store, loaded, old, replace(old, messages=longer), {"updated_at": updated_at})


def _begins_with(messages: Sequence[Any], first: Sequence[Any]) -> bool:
    """Whether the first of `messages` have the roles and contents of `first`."""
    same = (
        (message.get("role"), message.get("content"))
        == ((old.get("role"), old.get("content")) if isinstance(old, dict) else None)
        for message, old in zip(messages, first, strict=False)
    )
    return len(first) <= len(messages) and all(same)


# ---- deleting -------------------------------------------------------------------------------------------


def delete_here(store: Store, agents: Agents, session_id: str) -> None:
    """Move a session to the trash, or a copy of what only an agent has; raise `NotFound`."""
    try:
        delete_session(store, session_id)
    except NotFound:
        if trash.newest(session_id, store.trash_dir):
            raise
        _copy_to_trash(store, _segments(agents, session_id))


def delete_everywhere(store: Store, agents: Agents, session_id: str) -> None:
    """Move a session and what only an agent has of it to the trash, then delete it from the agent."""
    check_id(session_id)
    # The agent refuses with `Conflict` if it has written more since the copy was made.
    retry_conflicts(lambda: _delete_everywhere(store, agents, session_id))


def _delete_everywhere(store: Store, agents: Agents, session_id: str) -> None:
    segments: Sequence[Session] = ()
    try:
        segments = _segments(agents, session_id)
    except AgentUnavailable as error:
        with suppress(NotFound):
            delete_session(store, session_id)
            raise AgentUnavailable(
                f"Session {session_id} is in the trash, but not deleted from the agent. {error}"
            ) from error
        raise
    except NotFound:
        segments = ()
    _copy_to_trash(store, segments)
    was_here = _delete_own(store, session_id)
    with _after(f"Session {session_id} is in the trash"):
        was_agents = _delete_from_agent(agents, session_id, segments)
    if not (was_here or was_agents):
        raise NotFound(f"no session {session_id}")


def _delete_own(store: Store, session_id: str) -> bool:
    try:
        delete_session(store, session_id)
    except NotFound:
        return False
    return True


def _segments(agents: Agents, session_id: str) -> Sequence[Session]:
    """Return the segments of a conversation that an agent has, with their messages."""
    segments = []
    with agents.reading_mirrors() as connection:
        summary = agents.summary_of_original(connection, session_id)
        for name in agents.of_profile(summary.profile).conversation(session_id):
            with suppress(NotFound):  # a segment without a message
                segments.append(agents.session(connection, agents.summary_of_original(connection, name)))
    return segments


def _copy_to_trash(store: Store, segments: Sequence[Session]) -> None:
    """Write to the trash the segments whose messages no file here has."""
    for segment in segments:
        loaded = store.load(segment.session_id)
        own = None if loaded is None else reading.session(loaded).messages
        if own is None or not _begins_with(own, segment.messages):
            text = editing.new_text(segment)
            trash.write(segment.session_id, text, store.trash_dir, TrashReason.AGENT)


def _delete_from_agent(agents: Agents, session_id: str, segments: Sequence[Session]) -> bool:
    with agents.reading_mirrors() as connection:
        agent = agents.owner(connection, session_id)
    try:
        return agent.delete(session_id, {each.session_id: len(each.messages) for each in segments})
    except AgentUnavailable as error:
        if not error.absent:
            raise
        return False


@contextmanager
def _after(done: str) -> Iterator[None]:
    """Say in an error of the block what was done before it."""
    try:
        yield
    except (AgentUnavailable, StorageError) as error:
        raise type(error)(f"{done}, but not deleted from the agent. {error}") from error
