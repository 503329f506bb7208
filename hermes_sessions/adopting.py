"""An agent's sessions made ours: imported, or kept in the trash before the agent's own are deleted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from . import sidecar, writing
from .agents import Agents
from .errors import AgentUnavailable, Conflict, NotFound, ReadOnly, StorageError
from .model import Session
from .writing import Store


def read(store: Store, agents: Agents, session_id: str) -> Session:
    """Return an agent's session to import; raise `Conflict` for one that was deleted here."""
    own = sidecar.signature(store.config.sessions_dir, session_id)
    if own is None and sidecar.in_trash(session_id, store.config.trash_dir):
        raise Conflict(f"session {session_id} is in the trash; restore it instead")
    with agents.mirrored() as connection:
        return agents.session(connection, session_id)


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
        for session in _copies(store, agents, session_id):
            writing.copy_to_trash(store, session)


def delete_everywhere(store: Store, agents: Agents, session_id: str) -> None:
    """Move a session and what only an agent has of it to the trash, then delete the agent's."""
    try:
        copies = _copies(store, agents, session_id)
    except (NotFound, AgentUnavailable):
        delete(store, agents, session_id)  # which says so where neither has it, or nobody can know
        copies = ()
    for session in copies:
        writing.copy_to_trash(store, session)
    with suppress(NotFound):
        writing.delete(store, session_id)
    with _after(f"session {session_id} is in the trash"):
        _delete_from_agent(agents, session_id)


def _copies(store: Store, agents: Agents, session_id: str) -> Sequence[Session]:
    """Return what an agent holds of a session and its segments, less what files of ours hold as well."""
    copies = []
    with agents.mirrored() as connection:
        summary = agents.summary(connection, session_id)
        for name in agents.of(summary.profile).conversation(session_id):
            with suppress(NotFound):  # it has no message, or is in the trash
                copies.append(agents.session(connection, name))
    return [session for session in copies if not _holds(store, session)]


def _holds(store: Store, session: Session) -> bool:
    loaded = writing.load(store, session.session_id)
    return loaded is not None and writing.begins_with(sidecar.session(loaded).messages, session.messages)


def _delete_from_agent(agents: Agents, session_id: str) -> None:
    with agents.mirrored() as connection:
        agent = agents.holder(connection, session_id)
    try:
        agent.delete(session_id)
    except AgentUnavailable as error:
        if not error.absent:
            raise


@contextmanager
def _after(done: str) -> Iterator[None]:
    """Say in an error of the block what was done before it."""
    try:
        yield
    except (AgentUnavailable, StorageError) as error:
        raise type(error)(f"{done}, but {error}") from error
