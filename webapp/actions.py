"""What can be done with a conversation. The JSON API, its batches and the forms all call these functions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Literal, NamedTuple

from hermes_sessions.errors import InvalidValue
from hermes_sessions.metadata import MetadataFields
from hermes_sessions.model import Summary
from hermes_sessions.results import BulkReport, Filters, Page, Project, Reversal
from hermes_sessions.settings import check_workspace

from .masking import may_be_mask, typed
from .request_context import sessions


def workspace(path: str | None) -> str | None:
    """Return a workspace that somebody chose; raise `InvalidValue` unless sessions may have it."""
    return check_workspace(path) if path else None


def inherited_workspace(path: str | None) -> str | None:
    """Return the workspace that a session takes over from another one, None if it may not have it."""
    with suppress(InvalidValue):
        return workspace(path)
    return None


# Each of these imports a conversation that only an agent has. Pinning, archiving and filing do not count as
# activity: they leave `updated_at` as it is.


def rename(session_id: str, title: str) -> Summary:
    """Set the title, which the library cleans; if only its mask comes back, it stays."""
    kept = typed(title, lambda: sessions().summary(session_id).title)
    return sessions().webui.update(session_id, title=kept)


def rename_project(project_id: str, name: str, **color: str | None) -> Project:
    """Set the name of a project, which stays if only its mask comes back, and the colour if it is given."""
    kept = typed(name, lambda: project_name(project_id))
    return sessions().projects.rename(project_id, kept, **color)


def project_name(project_id: str) -> str | None:
    """Return the name of a project, None if it does not exist."""
    names = {each.project_id: each.name for each in sessions().projects.list()}
    return names.get(project_id)


def pin(session_id: str, pinned: bool) -> Summary:
    """Pin or unpin a session."""
    return sessions().webui.update(session_id, touch=False, pinned=pinned)


def archive(session_id: str, archived: bool) -> Summary:
    """Archive or unarchive a session."""
    return sessions().webui.update(session_id, touch=False, archived=archived)


def move(session_id: str, project_id: str | None) -> Summary:
    """Put a session into a project, or into none; raise `NotFound` if the project does not exist."""
    return sessions().webui.update(session_id, touch=False, project_id=project_id)


def tag(session_id: str, add: Sequence[str], remove: Sequence[str]) -> Summary:
    """Remove tags from a conversation, which need not be imported for that, and add others."""
    if remove:
        known = sessions().summary(session_id).tags
        sessions().untag(session_id, *(_shown_tag(name, known) for name in remove))
    return sessions().tag(session_id, *add)


def known_tags(names: Sequence[str]) -> list[str]:
    """Return the tags that a client names as they were answered, perhaps masked."""
    if not any(map(may_be_mask, names)):
        return list(names)
    known = [*sessions().tags(), *sessions().removed_masked_tags()]
    return [_shown_tag(name, known) for name in names]


def known_tag(name: str) -> str:
    """Return the tag that a client names as it was answered, perhaps masked."""
    return known_tags([name])[0]


def restore_tag(name: str) -> BulkReport:
    """Take back the latest renaming or removal of a tag, which may be given by its mask."""
    return sessions().restore_tag(_shown_tag(name, sessions().removed_masked_tags()))


def _shown_tag(name: str, known: Iterable[str]) -> str:
    """Return the one of the known tags whose mask a name is, or else the name itself."""
    return next((each for each in known if typed(name, partial(str, each)) == each), name)


def delete(session_id: str) -> None:
    """Move a session to the trash and delete it from the agent, which keeps messaging conversations."""
    sessions().delete_everywhere(session_id)


def restore(session_id: str) -> Summary:
    """Restore a deleted session, or the backup of one that was shortened."""
    return sessions().restore(session_id)


def restore_deleted(session_id: str, *, undoing: bool = False) -> None:
    """Restore a deleted session, with `undoing` as it was before; raise `Conflict` for one that exists."""
    for error in sessions().restore_many([session_id], undoing=undoing).errors.values():
        raise error


def move_back(session_id: str, project_id: str) -> None:
    """Put a session into the project that it was in, which need not exist."""
    moved = sessions().webui.update_many([session_id], touch=False, any_project=True, project_id=project_id)
    for error in moved.errors.values():
        raise error


# ---- several at once ------------------------------------------------------------------------------------

BatchAction = Literal[
    "archive", "unarchive", "pin", "unpin", "move", "delete", "restore", "tag", "untag", "unimport"
]
_FLAGS: Mapping[str, MetadataFields] = {
    "archive": {"archived": True},
    "unarchive": {"archived": False},
    "pin": {"pinned": True},
    "unpin": {"pinned": False},
}
_FLAG_ACTIONS: Mapping[tuple[str, bool], BatchAction] = {
    ("archived", True): "archive",
    ("archived", False): "unarchive",
    ("pinned", True): "pin",
    ("pinned", False): "unpin",
}


class BatchStep(NamedTuple):
    """One action for several sessions, as a batch takes it."""

    session_ids: Sequence[str]
    action: BatchAction
    project_id: str | None = None
    tags: Sequence[str] = ()
    order: Sequence[str] = ()
    undoing: bool = False


def batch(step: BatchStep, *, dry_run: bool) -> BulkReport:
    """Do the same to several sessions.

    `project_id` is for ``"move"``, `tags` for ``"tag"`` and ``"untag"``, `order` for ``"tag"``, `undoing` for
    ``"restore"`` and for what sets a field. Raises `NotFound` for a project that does not exist,
    `InvalidValue` for a dry run of ``"restore"`` or ``"unimport"``: then nothing is done.
    """
    ids, action = step.session_ids, step.action
    if dry_run and action in ("restore", "unimport"):
        raise InvalidValue(f"dry_run is not for {action}. GET /api/trash lists what can be restored")
    if action == "delete":
        return sessions().delete_many(ids, everywhere=True, dry_run=dry_run)
    if action in ("tag", "untag"):
        return _tagged(step, dry_run=dry_run)
    if action == "restore":
        return sessions().restore_many(ids, undoing=step.undoing)
    if action == "unimport":
        return sessions().webui.unimport_many(ids)
    fields = _FLAGS.get(action, {"project_id": step.project_id})
    return sessions().webui.update_many(ids, touch=False, dry_run=dry_run, any_project=step.undoing, **fields)


def undoing(change: Reversal) -> Iterator[BatchStep]:
    """Yield the batches that make a reversal."""
    ids = list(change.session_ids)
    for name, value in change.values.items():
        action = _FLAG_ACTIONS.get((name, bool(value)))
        project_id = None if action else change.values.get("project_id")
        yield BatchStep(ids, action or "move", project_id, undoing=change.any_project)
    if change.tag:
        yield BatchStep(ids, "tag", tags=list(change.tag), order=list(change.order))
    if change.untag:
        yield BatchStep(ids, "untag", tags=list(change.untag))
    if change.unimport:
        yield BatchStep(ids, "unimport")


def matching(text: str, filters: Filters) -> Page[Summary]:
    """Return all that the list shows for a search and filters, not only its first page."""
    return sessions().matching(text, filters) if text else sessions().list(filters)


def _tagged(step: BatchStep, *, dry_run: bool) -> BulkReport:
    ids, names = step.session_ids, known_tags(step.tags)
    if not names:
        raise InvalidValue("tags must name at least one tag")
    if step.action == "tag":
        return sessions().tag_many(ids, *names, order=known_tags(step.order), dry_run=dry_run)
    return sessions().untag_many(ids, *names, dry_run=dry_run)
