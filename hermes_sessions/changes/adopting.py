"""The agent's conversations: imported as sessions here, and deleted here only or from the agent as well.

A conversation of several segments is one session here, with the messages of all of them. What *delete* means,
for every caller: `delete_here` moves a session to the trash. Of a conversation that only the agent has, a
copy goes to the trash, which hides the original. `delete_everywhere` does the same and deletes the
conversation from the agent, whose rows are kept beside the messages. Either can be undone from the trash.
The agent keeps a messaging conversation, whichever is called: it goes on there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from .. import files, json_text
from ..agent import Agents, WholeConversation
from ..errors import AgentUnavailable, Conflict, NotFound, ReadOnly, StorageError, storing
from ..fields import check_id
from ..model import FolderTimes, Session, Summary
from ..origins import CHILDREN, COPIED, ORIGINALS, SEGMENTS, Copied, segments_of
from ..results import AgentShare, TrashReason
from ..sidecars import Loaded, editing, reading, signature, trash
from ..sources import Source, source_class
from .create import write_new
from .projects import Projects, is_cron
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
    store: Store, agents: Agents, projects: Projects, session_id: str, profile: str | None = None
) -> tuple[Session, bool]:
    """Write an agent's conversation as a file, or add to its file what is new; return whether it is new.

    Without a `profile`, of several agents that have its id the one where it was active last is meant. A
    scheduled job's session joins the project of those. A file whose messages are not the first of the
    agent's was changed here: it stays as it is. Raises `Conflict` for a session in the trash.
    """
    session = _read(store, agents, session_id, profile)
    if session.source == "cron":
        session = replace(session, project_id=projects.ensure_cron().project_id)
    for name in _names_here(session):
        with store.lock(name):
            loaded = store.load(name)
            if loaded is not None:
                return _extend(store, loaded, session), False
    with store.lock(session.session_id):
        _refuse_trashed(store, session.session_id)
        return write_new(store, session), True


def _names_here(session: Session) -> Sequence[str]:
    """Return the ids under which a conversation may have been imported: one per segment, the latest first."""
    return [
        session.session_id,
        *(each for each in reversed(segments_of(session.extra)) if each != session.session_id),
    ]


def _read(store: Store, agents: Agents, session_id: str, profile: str | None) -> Session:
    if signature(store.path_of(session_id)) is None:
        _refuse_trashed(store, session_id)
    with agents.reading_mirrors() as connection:
        session = agents.whole(connection, session_id, profile).session
    if not session.messages:
        raise NotFound(f"no session {session_id}")
    return session


def _refuse_trashed(store: Store, session_id: str) -> None:
    if trash.newest(session_id, store.trash_dir):
        raise Conflict(f"session {session_id} is in the trash; restore it instead")


def _extend(store: Store, loaded: Loaded, session: Session) -> Session:
    old = reading.session(loaded)
    if len(old.messages) >= len(session.messages) or not _begins_with(session.messages, old.messages):
        return old
    longer = [*old.messages, *session.messages[len(old.messages) :]]
    changes = {"updated_at": max(old.updated_at, session.updated_at), **_grown(old, session)}
    origin = {name: session.extra[name] for name in (SEGMENTS, COPIED)}
    new = replace(old, messages=longer, extra={**old.extra, **origin})
    return write_over(store, loaded, old, new, {**changes, **origin})


def _grown(old: Session, session: Session) -> dict[str, Any]:
    """Return the figures of a session with what the agent has used since they were copied."""
    before = Copied.read(old.extra)
    if before is None:
        return {}
    cost = session.estimated_cost
    if cost is not None and old.estimated_cost is not None:
        cost = old.estimated_cost + max(0.0, cost - (before.estimated_cost or 0.0))
    return {
        "input_tokens": old.input_tokens + max(0, session.input_tokens - before.input_tokens),
        "output_tokens": old.output_tokens + max(0, session.output_tokens - before.output_tokens),
        "estimated_cost": old.estimated_cost if cost is None else cost,
    }


def _begins_with(messages: Sequence[Any], first: Sequence[Any]) -> bool:
    """Whether the first of `messages` have the roles and contents of `first`."""
    same = (
        (message.get("role"), message.get("content"))
        == ((old.get("role"), old.get("content")) if isinstance(old, dict) else None)
        for message, old in zip(messages, first, strict=False)
    )
    return len(first) <= len(messages) and all(same)


def take_import_away(store: Store, agents: Agents, projects: Projects, session_id: str) -> bool:
    """Delete the file of an agent's conversation in which nothing was changed since it was imported.

    Returns whether that was so: else, and if the agent no longer has all of it, the file stays. Raises
    `AgentUnavailable`, `Unreadable`, `StorageError`.
    """
    with store.lock(session_id):
        loaded = store.load(session_id)
        if loaded is None or not _is_as_imported(store, agents, projects, loaded):
            return False
        store.check_index()
        path = store.path_of(session_id)
        with storing(f"cannot remove the import of session {session_id}"):
            try:
                times = files.remove_version(path, loaded.signature)
            except files.Changed:
                return False
        store.forget(session_id, FolderTimes(*times))
        return True


def _is_as_imported(store: Store, agents: Agents, projects: Projects, loaded: Loaded) -> bool:
    """Whether a file holds what an import would write now, in the project of jobs or in none."""
    session = reading.session(loaded)
    try:
        imported = _original(store, agents, session.session_id).session
    except NotFound:
        return False
    of_jobs: set[str | None] = {each.project_id for each in projects.list() if is_cron(each)}
    if session.source == "cron" and session.project_id in of_jobs:
        imported = replace(imported, project_id=session.project_id)
    return bool(json_text.decode(loaded.data) == json_text.decode(editing.new_text(imported)))


# ---- deleting -------------------------------------------------------------------------------------------


def delete_here(
    store: Store, agents: Agents, session_id: str, only_if: Callable[[Summary], bool] | None = None
) -> bool:
    """Move a session to the trash, or a copy of what only an agent has; return whether it was that.

    Raises `NotFound`, and `Conflict` as `delete_session` does.
    """
    try:
        delete_session(store, session_id, only_if)
    except NotFound:
        if trash.newest(session_id, store.trash_dir):
            raise
        with agents.reading_mirrors() as connection:
            whole = agents.whole(connection, session_id)
        if not whole.session.messages:
            raise
        _copy_to_trash(store, whole)
        return True
    return False


def agent_share(store: Store, agents: Agents, session_id: str) -> AgentShare:
    """Return what `delete_everywhere` would delete from the agent."""
    segments = agents.chain(check_id(session_id))
    if any(source_class(each.source) is Source.MESSAGING for each in segments):
        return AgentShare()
    latest = next((each.id for each in reversed(segments) if each.message_count), session_id)
    row = store.row(session_id)
    if row is not None and latest not in (session_id, *segments_of(row.summary.extra)):
        return AgentShare()  # the conversation goes on in a later segment
    return AgentShare(len(segments), sum(each.message_count for each in segments))


def held_by_agent(agents: Agents, summaries: Iterable[Summary]) -> set[str]:
    """Return the ids of the sessions of which `agent_share` would name something."""
    given = {summary.session_id: summary for summary in summaries}
    return {
        session_id
        for session_id, following in agents.next_segments(list(given)).items()
        if following in (session_id, *segments_of(given[session_id].extra))
    }


def delete_everywhere(store: Store, agents: Agents, session_id: str) -> None:
    """Move a session and what only an agent has of it to the trash, then delete it from the agent."""
    check_id(session_id)
    # The agent refuses with `Conflict` if its rows changed since they were copied.
    retry_conflicts(lambda: _delete_everywhere(store, agents, session_id))


def _original(store: Store, agents: Agents, session_id: str) -> WholeConversation:
    """Return the agent's conversation of a session: of several with its id, that of the session's profile."""
    row = store.row(session_id)
    with agents.reading_mirrors() as connection:
        if row is not None:
            with suppress(NotFound):
                return agents.whole(connection, session_id, row.summary.profile)
        return agents.whole(connection, session_id)


def _delete_everywhere(store: Store, agents: Agents, session_id: str) -> None:
    try:
        whole = _original(store, agents, session_id)
    except AgentUnavailable as error:
        with suppress(NotFound):
            delete_session(store, session_id)
            raise _only_in_trash(session_id, error) from error
        raise
    except NotFound:
        delete_session(store, session_id)
        return
    name = next(filter(partial(_is_here, store), [session_id, *_names_here(whole.session)]), None)
    if whole.session.source is Source.MESSAGING:
        delete_here(store, agents, name or session_id)
    elif name is None:
        _copy_to_trash(store, whole)
        with _after_the_trash(session_id):
            _delete_from_agent(agents, whole)
    elif _stands_for(store, name, whole.session):
        _delete_with_file(store, agents, name, whole)
    else:  # the conversation goes on in a later segment, which lists show beside this file
        delete_session(store, name)


def _is_here(store: Store, session_id: str) -> bool:
    return signature(store.path_of(session_id)) is not None


def _stands_for(store: Store, name: str, session: Session) -> bool:
    """Whether a file is the agent's conversation up to its latest segment, not only an earlier part."""
    return session.session_id in (name, *segments_of(store.summary(name).extra))


def _delete_with_file(store: Store, agents: Agents, name: str, whole: WholeConversation) -> None:
    """Delete a conversation that has a file: it keeps its place until the agent's rows are gone."""
    if not _keep_rows(store, name, whole):
        _copy_to_trash(store, whole)
    try:
        _delete_from_agent(agents, whole)
    except (AgentUnavailable, StorageError) as error:
        delete_session(store, name)
        raise _only_in_trash(name, error) from error
    delete_session(store, name)


def _keep_rows(store: Store, name: str, whole: WholeConversation) -> bool:
    """Store the agent's rows in a session's file, and return whether it has all of the agent's messages."""
    with store.lock(name):
        loaded = store.load(name)
        if loaded is None:
            return False
        old = reading.session(loaded)
        rows = _kept_of(whole)
        write_over(store, loaded, old, replace(old, extra={**old.extra, **rows}), rows)
        return _begins_with(old.messages, whole.session.messages)


def _copy_to_trash(store: Store, whole: WholeConversation) -> None:
    session = replace(whole.session, extra={**whole.session.extra, **_kept_of(whole)})
    text = editing.new_text(session)
    trash.write(session.session_id, text, store.trash_dir, TrashReason.AGENT)


def _kept_of(whole: WholeConversation) -> dict[str, Any]:
    """Return what a file keeps of an agent's conversation beside its messages, by key."""
    segments, children = whole.originals
    return {ORIGINALS: segments, **({CHILDREN: children} if children else {})}


def _delete_from_agent(agents: Agents, whole: WholeConversation) -> None:
    agent = agents.of_profile(whole.session.profile)
    try:
        agent.delete(whole.session.session_id, whole.originals)
    except AgentUnavailable as error:
        if not error.absent:
            raise


@contextmanager
def _after_the_trash(session_id: str) -> Iterator[None]:
    """Say in an error of the block that the session is in the trash."""
    try:
        yield
    except (AgentUnavailable, StorageError) as error:
        raise _only_in_trash(session_id, error) from error


def _only_in_trash(
    session_id: str, error: AgentUnavailable | StorageError
) -> AgentUnavailable | StorageError:
    return type(error)(f"Session {session_id} is in the trash, but not deleted from the agent. {error}")
