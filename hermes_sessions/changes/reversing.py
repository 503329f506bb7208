"""What brings back the values that sessions had before one change of many of them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar, cast

from ..errors import NotFound, StorageError, Unreadable
from ..metadata import MetadataFields
from ..model import Summary
from ..results import Reversal
from ..tag_names import tag_key
from .projects import Projects
from .tags import TagChange

Key = TypeVar("Key", bound=Hashable)

ARRANGED = ("pinned", "archived", "project_id")


def earlier_values(
    before: Iterable[Summary],
    done: Iterable[str],
    changed: Iterable[str],
    projects: Projects,
) -> tuple[Reversal, ...]:
    """Return what gives changed sessions their values of these fields, of those in `ARRANGED`, again."""
    names = [name for name in ARRANGED if name in set(changed)]
    groups = _grouped(before, done, lambda each: tuple(getattr(each, name) for name in names))
    return tuple(
        _reversal(ids, dict(zip(names, values, strict=True)), projects)
        for values, ids in groups.items()
        if names
    )


def _reversal(ids: tuple[str, ...], values: Mapping[str, Any], projects: Projects) -> Reversal:
    any_project = not _is_known(values.get("project_id"), projects)
    return Reversal(ids, cast(MetadataFields, values), any_project=any_project)


def _is_known(project_id: str | None, projects: Projects) -> bool:
    """Whether a session in this project can be moved there; not while the projects cannot be read."""
    try:
        projects.check(project_id)
    except (NotFound, Unreadable, StorageError):
        return False
    return True


def earlier_tags(before: Iterable[Summary], done: Iterable[str], change: TagChange) -> tuple[Reversal, ...]:
    """Return what gives changed sessions their tags again; a tag that one had already stays."""

    def of(summary: Summary) -> tuple[tuple[str, ...], ...]:
        had = {tag_key(name) for name in summary.tags}
        removed = tuple(name for name in summary.tags if tag_key(name) in change.remove)
        added = tuple(name for name in change.add if tag_key(name) not in had)
        return removed, added, tuple(summary.tags) if removed else ()

    groups = _grouped(before, done, of)
    return tuple(
        Reversal(ids, tag=tag, untag=untag, order=order)
        for (tag, untag, order), ids in groups.items()
        if tag or untag
    )


def _grouped(
    before: Iterable[Summary], done: Iterable[str], key: Callable[[Summary], Key]
) -> dict[Key, tuple[str, ...]]:
    """Return the ids of the changed sessions with the same key together, in their order."""
    known = {each.session_id: each for each in before}
    groups: defaultdict[Key, list[str]] = defaultdict(list)
    for session_id in done:
        if session_id in known:
            groups[key(known[session_id])].append(session_id)
    return {each: tuple(ids) for each, ids in groups.items()}
