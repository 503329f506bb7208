"""New sessions: drafts, files written under a new id, imported documents, and copies of other sessions."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..fields import COMPOSED, FIELDS, check_messages, clean_title, other_keys, read_metadata, suffixed_title
from ..model import Session, Summary
from ..origins import COPIED, NOT_COPIED
from ..results import Imported
from ..settings import is_known_profile, last_workspace
from ..sidecars import editing, load, outline_of, reading
from ..times import last_message_at
from . import context
from .copies import exported_from, shared_figures
from .projects import Projects
from .store import Store, after_the_file, checked_metadata, session_without_messages
from .tags import TagStore

# What a copy does not take over: a running turn, and what belongs to the original alone.
NOTHING_PENDING: Mapping[str, Any] = {
    "active_stream_id": None,
    "pending_user_message": None,
    "pending_attachments": [],
    "pending_started_at": None,
}
UNSHARED: Mapping[str, Any] = {"share_token": None, "share_created_at": None, "read_only": False}
# What a fork has not used itself.
UNUSED: Mapping[str, Any] = {
    "input_tokens": 0,
    "output_tokens": 0,
    "estimated_cost": None,
    "context_length": None,
    "last_prompt_tokens": None,
}


def new_session(store: Store, metadata: Mapping[str, Any]) -> Session:
    """Store a draft with checked metadata; its workspace, model, and profile are the home's unless given."""
    now, config = time.time(), store.config
    values = {"created_at": now, "updated_at": now, **metadata}
    values["workspace"] = values.get("workspace") or last_workspace(config)
    values["model"] = values.get("model") or config.default_model
    values["profile"] = values.get("profile") or config.profile
    known = read_metadata(_new_id(), values, now)
    return store_new(store, Session(**known, extra=other_keys(values)))


def import_documents(
    store: Store, projects: Projects, documents: Sequence[Mapping[str, Any]], profile: str | None = None
) -> Imported:
    """Write exported sessions as new ones with new ids, all of them checked before the first is written.

    One without a workspace gets the one used last. A project that does not exist here is left out, and
    `profile` (None: the home's) takes the place of one that does not.
    """
    workspace, given = last_workspace(store.config), profile or store.config.profile
    known = Known(_known_projects(projects, documents), _known_profiles(store, documents, given))
    placed = [place_import(each, known, given) for each in documents]
    sessions = [_session_of({**each, "workspace": each.get("workspace") or workspace}) for each, _ in placed]
    written = [
        _write_imported(store, session, document.get("session_id"))
        for session, document in zip(sessions, documents, strict=True)
    ]
    return Imported(written, tuple(dict.fromkeys(note for _, notes in placed for note in notes)))


class Known(NamedTuple):
    """The ids of the projects and the names of the profiles that exist."""

    projects: frozenset[str]
    profiles: frozenset[str]


def _known_projects(projects: Projects, documents: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the ids of the projects; none, unread, if the documents name no project."""
    if not any(each.get("project_id") for each in documents):
        return frozenset()
    return frozenset(each.project_id for each in projects.list())


def _known_profiles(store: Store, documents: Sequence[Mapping[str, Any]], given: str) -> frozenset[str]:
    """Return those of the documents' profiles that exist, and the one `given`."""
    named = {name for each in documents if isinstance(name := each.get("profile"), str)}
    return frozenset({given, *(name for name in named if is_known_profile(store.config, name))})


def place_import(
    document: Mapping[str, Any], known: Known, profile: str
) -> tuple[Mapping[str, Any], Sequence[str]]:
    """Return an exported session without a project, and in this profile, where its own does not exist here.

    Also returns what to say about that.
    """
    project_id, named, notes = document.get("project_id"), document.get("profile"), list[str]()
    if isinstance(project_id, str) and project_id and project_id not in known.projects:
        document = {**document, "project_id": None}
        notes.append(f"There is no project {project_id} here, so it is in none.")
    if isinstance(named, str) and named and named not in known.profiles:
        notes.append(f"There is no profile {named} here, so it is in {profile}.")
        named = None
    return {**document, "profile": named or profile}, notes


def _session_of(document: Mapping[str, Any]) -> Session:
    values = checked_metadata({name: document[name] for name in FIELDS if document.get(name) is not None})
    known = read_metadata(_new_id(), values, time.time())
    messages = check_messages(document.get("messages"))
    tool_calls = check_messages(document.get("tool_calls") or [], "tool_calls")
    return Session(**known, extra=other_keys(document), messages=messages, tool_calls=tool_calls)


def _write_imported(store: Store, session: Session, exported_id: object) -> Session:
    copied = exported_from(store, session, exported_id)
    extra = {name: value for name, value in session.extra.items() if name != COPIED}
    extra |= {} if copied is None else {COPIED: copied._asdict()}
    return write_new(store, replace(session, extra=extra))


def fork_session(
    store: Store, tags: TagStore, origin: Summary, keep: int | None, title: str | None
) -> Session:
    """Write a copy of the first `keep` messages (None: all), with the original as its parent."""
    named = suffixed_title(origin.title, " (fork)") if title is None else clean_title(title)
    values = {**UNUSED, "title": named, "parent_session_id": origin.session_id}
    return _tagged_copy(store, tags, origin, keep, values)


def duplicate_session(store: Store, tags: TagStore, origin: Summary) -> Session:
    """Write a copy of a whole session, without a parent."""
    named = suffixed_title(origin.title, " (copy)")
    return _tagged_copy(store, tags, origin, None, {"title": named, "parent_session_id": None})


def store_new(store: Store, session: Session) -> Session:
    """Store a session that has no file: as a draft if it is empty and nobody arranged it, else as a file."""
    editing.encoded({**session.metadata(), **session.extra})  # what could not be written later is refused now
    if session.messages or session.tool_calls or session.waiting or session.arranged or is_composed(session):
        return write_new(store, session)
    return store.put_draft(session)


def is_composed(session: Session) -> bool:
    """Whether the web UI's composer holds something for this session that was not sent yet."""
    composed = session.extra.get(COMPOSED)
    return isinstance(composed, dict) and any(composed.values())


def write_new(store: Store, session: Session) -> Session:
    """Write the file of a session that has none; raise `Conflict` if there is one."""
    text = editing.new_text(session)
    store.check_index()
    written = editing.create(store.path_of(session.session_id), text)
    store.record_new(session.summary(), written.sent(last_message_at(reversed(session.messages))))
    return replace(session, signature=written.stored.signature)


def _tagged_copy(
    store: Store, tags: TagStore, origin: Summary, keep: int | None, values: Mapping[str, Any]
) -> Session:
    """Write a copy with the tags of the original; they come first, or a kill would leave a copy without."""
    copy_id = _new_id()
    with tags.copied(origin, copy_id, lambda: store.path_of(copy_id).exists()):
        return _copy(store, origin, keep, values, copy_id)


def _copy(
    store: Store, origin: Summary, keep: int | None, values: Mapping[str, Any], copy_id: str
) -> Session:
    """Write a copy of a session's file with these values; a draft has none, and is copied as a draft."""
    now = time.time()
    fresh = {"pinned": False, "archived": False, "created_at": now, "updated_at": now, **NOTHING_PENDING}
    private = {name: value for name, value in UNSHARED.items() if name in origin.extra}
    changes = checked_metadata({**fresh, **private, **values})
    loaded = store.load(origin.session_id)
    shared = shared_figures(origin, changes)
    if loaded is None:
        return store_new(store, session_without_messages(origin.changed({**changes, "session_id": copy_id})))
    source = outline_of(loaded)
    kept = source.total if keep is None else min(keep, source.total)
    present = {member.key for member in source.members}
    changes |= {name: None for name in NOT_COPIED if name in present}
    changes[COPIED] = shared._replace(message_count=kept)._asdict()
    encoded = editing.encoded({"session_id": copy_id, **changes, "message_count": kept})
    cut = editing.kept_tool_calls(source, kept) if kept < source.total else {}
    if kept < source.total and (given := context.first_items(source, context.of_first_messages(kept))):
        cut[context.CONTEXT] = given.text
    edits = [*editing.truncated(source, kept), *editing.set_keys(source, cut | encoded)]
    store.check_index()
    path = store.path_of(copy_id)
    written = editing.copy(source, edits, kept, path)
    with after_the_file(f"session {copy_id} was saved"):
        copied = load(path)
    summary, stored = reading.summary(outline_of(copied))
    store.record_new(summary, written._replace(stored=stored))
    return reading.session(copied)


def _new_id() -> str:
    """Return an id that no session has: 12 hex digits."""
    return uuid.uuid4().hex[:12]
