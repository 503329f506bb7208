"""The tools that change something, which a server has only if its user allows it."""

from __future__ import annotations

from ..errors import NotFound, SessionsError
from ..metadata import MetadataFields
from ..model import Summary
from ..repository import SessionRepository
from .reading import find_conversation, find_project, project_names
from .rows import conversation, project_row
from .text import line, listed, name

NO_PROJECT = "none"


def change_conversation(
    sessions: SessionRepository,
    *,
    id: str,
    title: str | None,
    project: str | None,
    pinned: bool | None,
    archived: bool | None,
    tags: tuple[str, ...],
) -> str:
    """Change what is given of a conversation's title, project, flags and tags."""
    summary = find_conversation(sessions, id)
    fields: MetadataFields = {}
    if title is not None:
        fields["title"] = title
    if project is not None:
        fields["project_id"] = None if project == NO_PROJECT else find_project(sessions, project)
    if pinned is not None:
        fields["pinned"] = pinned
    if archived is not None:
        fields["archived"] = archived
    if not fields and not tags:
        return "Nothing to change: give title, project, pinned, archived or tags."
    if fields:
        summary = sessions.update(summary.session_id, touch=False, **fields)
    return _row(sessions, *_tagged(sessions, summary, tags))


def _tagged(sessions: SessionRepository, summary: Summary, tags: tuple[str, ...]) -> tuple[Summary, str]:
    """Add the tags, remove those with a minus; return the conversation, and what went wrong, if anything."""
    added = [tag for tag in tags if not tag.startswith("-")]
    removed = [tag[1:] for tag in tags if tag.startswith("-")]
    try:
        if added:
            sessions.tag(summary.session_id, *added)
        if removed:
            sessions.untag(summary.session_id, *removed)
    except SessionsError as error:
        return sessions.summary(
            summary.session_id
        ), f"The tags were not all changed: {line(str(error), 300)}."
    return sessions.summary(summary.session_id), ""


def _row(sessions: SessionRepository, summary: Summary, problem: str) -> str:
    return listed([conversation(summary, project_names(sessions)), problem])


def delete_conversation(sessions: SessionRepository, *, id: str) -> str:
    """Move a conversation to the trash."""
    summary = find_conversation(sessions, id)
    sessions.delete(summary.session_id)
    key = line(summary.session_id, 128)
    return f"Moved to the trash: {name(summary.title)}. To undo: restore_conversation(id={key})"


def restore_conversation(sessions: SessionRepository, *, id: str) -> str:
    """Restore a conversation from the trash."""
    restored = sessions.restore(sessions.find_deleted(id))
    return "Restored: " + conversation(restored, project_names(sessions))


def change_project(sessions: SessionRepository, *, project: str, name: str | None, color: str | None) -> str:
    """Change the name and the colour of a project."""
    project_id = find_project(sessions, project)
    if name is None and color is None:
        return "Nothing to change: give name or color."
    known = next((each for each in sessions.projects.list() if each.project_id == project_id), None)
    if known is None:
        raise NotFound(f"no project {project}")
    colored = {} if color is None else {"color": color}
    changed = sessions.projects.rename(project_id, name or known.name, **colored)
    return project_row(changed, sessions.count(project_id=project_id, agent=True))
