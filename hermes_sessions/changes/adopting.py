"""An agent's sessions made ours: imported, or kept in the trash before the agent's own are deleted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ..agent import Agents
from ..errors import AgentUnavailable, Conflict, NotFound, ReadOnly, StorageError
from ..fields import check_id
from ..model import Session
from ..sidecars import reading, trash
from . import store as writing
from .store import Store

ATTEMPTS = 3


def read(store: Store, agents: Agents, session_id: str) -> Session:
    """Return an agent's session to import; raise `Conflict` for one that was deleted here."""
    own = reading.signature(store.config.sessions_dir, session_id)
    if own is None and trash.newest(session_id, store.config.trash_dir):
        raise Conflict(f"session {session_id} is in the trash; restore it instead")
    with agents.mirrored() as connection:
        return agents.session(connection, agents.summary(connection, session_id))


def refuse_change(agents: Agents, session_id: str) -> None:
    """Raise `ReadOnly` for a session that an agent has, `AgentUnavailable` if that cannot be known."""
    with suppress(NotFound), agents.mirrored() as connection:
        agents.summary(connection, session_id)
        raise ReadOnly(f"session {session_id} is the agent's: import it to change it")


def delete(store: Store, agents: Agents, session_id: str) -> None:
    """Move a session to the trash, of an agent's conversation a copy of each segment; raise `NotFound`."""
    try:
        writing.delete(store, session_id)
    except NotFound:
        if trash.newest(session_id, store.config.trash_dir):
            raise
        _keep(store, _held(agents, session_id))


def delete_everywhere(store: Store, agents: Agents, session_id: str) -> None:
    """Move a session and what only an agent has of it to the trash, then delete the agent's."""
    check_id(session_id)
    for _ in range(ATTEMPTS - 1):
        with suppress(Conflict):  # the agent wrote more after it was copied
            return _delete_everywhere(store, agents, session_id)
    return _delete_everywhere(store, agents, session_id)


def _delete_everywhere(store: Store, agents: Agents, session_id: str) -> None:
    held: Sequence[Session] = ()
    try:
        held = _held(agents, session_id)
    except AgentUnavailable as error:
        with suppress(NotFound):
            writing.delete(store, session_id)
            raise AgentUnavailable(f"session {session_id} is in the trash, but {error}") from error
        raise
    except NotFound:
        held = ()
    _keep(store, held)
    own = _delete_own(store, session_id)
    with _after(f"session {session_id} is in the trash"):
        deleted = _delete_from_agent(agents, session_id, held)
    if not (own or deleted):
        raise NotFound(f"no session {session_id}")


def _delete_own(store: Store, session_id: str) -> bool:
    try:
        writing.delete(store, session_id)
    except NotFound:
        return False
    return True


def _held(agents: Agents, session_id: str) -> Sequence[Session]:
    """Return what an agent holds of a session and of its segments, with their messages."""
    held = []
    with agents.mirrored() as connection:
        summary = agents.found(connection, session_id)
        for name in agents.of(summary.profile).conversation(session_id):
            with suppress(NotFound):  # a segment without a message
                held.append(agents.session(connection, agents.found(connection, name)))
    return held


def _keep(store: Store, held: Sequence[Session]) -> None:
    """Copy to the trash what files of ours do not hold as well."""
    for session in held:
        loaded = writing.load(store, session.session_id)
        own = None if loaded is None else reading.session(loaded).messages
        if own is None or not writing.begins_with(own, session.messages):
            writing.copy_to_trash(store, session)


def _delete_from_agent(agents: Agents, session_id: str, held: Sequence[Session]) -> bool:
    with agents.mirrored() as connection:
        agent = agents.holder(connection, session_id)
    try:
        return agent.delete(session_id, {each.session_id: len(each.messages) for each in held})
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
        raise type(error)(f"{done}, but {error}") from error
