"""What brings back the values that sessions had before one change of many of them. Pure."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar, cast

from ..metadata import MetadataFields
from ..model import Summary
from ..results import Reversal
from ..tag_names import tag_key
from .tags import TagChange

Key = TypeVar("Key", bound=Hashable)

ARRANGED = ("pinned", "archived", "project_id")


def earlier_values(
    before: Iterable[Summary], done: Iterable[str], changed: Iterable[str]
) -> tuple[Reversal, ...]:
    """Return what gives changed sessions their values of these fields, of those in `ARRANGED`, again."""
    names = [name for name in ARRANGED if name in set(changed)]
    groups = _grouped(before, done, lambda each: tuple(getattr(each, name) for name in names))
    return tuple(
        Reversal(ids, cast(MetadataFields, dict(zip(names, values, strict=True))))
        for values, ids in groups.items()
        if names
    )


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
