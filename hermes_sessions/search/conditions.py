"""What the operators of a query mean: as filters of conversations, and as conditions of their messages.

What is typed replaces the filter of the same name that the caller gave, as in the sidebar, which asks for
active conversations unless somebody types `is:archived`. Of tags, and of limits of time, cost and size, both
hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from ..errors import StorageError, Unreadable
from ..index import ListRequest, View, lists
from ..model import Summary
from ..results import FilterFields, Filters, Project
from ..sources import Source
from ..tag_names import SEPARATOR, WITHOUT, tag_filter, tag_key
from ..times import local_minute
from .language import Conditions, Feature, Query
from .words import ordinary

MOST_NAMED = 8  # models in a warning
NO_PROJECT = "none"


class KnownNames(NamedTuple):
    """What a typed name can mean; each is called only if a query has such a name."""

    projects: Callable[[], Iterable[Project]]
    models: Callable[[], Iterable[str]]
    tags: Callable[[], Mapping[str, int]]
    profiles: Callable[[], Iterable[str]]


class MessageConditions(NamedTuple):
    """What a message must fulfil to match; None or empty is no condition.

    `since` and `until` are in seconds since the epoch, half-open; those of a title are of the last activity.
    """

    role: str | None = None
    since: float | None = None
    until: float | None = None
    tools: tuple[str, ...] = ()
    has: frozenset[Feature] = frozenset()


class Narrowed(NamedTuple):
    """Which conversations and messages a search is about.

    `filters` have no times: those are of the `messages`. `warnings` say what nothing can match, and why:
    then `matches_nothing`.
    """

    filters: Filters
    messages: MessageConditions
    warnings: tuple[str, ...] = ()

    @property
    def matches_nothing(self) -> bool:
        """Whether a name was typed that nothing has."""
        return bool(self.warnings)

    @property
    def lists(self) -> bool:
        """Whether a list answers it: no single message has to fulfil anything."""
        return not (self.messages.role or self.messages.tools or self.messages.has)

    @property
    def list_filters(self) -> Filters:
        """The filters of a list, in which the times are those of the last activity."""
        return replace(self.filters, since=self.messages.since, until=self.messages.until)


def has_words(query: Query) -> bool:
    """Whether a query has words, to find or to exclude; one of operators alone lists what they leave."""
    return bool(query.required or query.excluded)


def listed(
    connection: Connection, view: View, filters: Filters, offset: int, limit: int
) -> Sequence[Summary]:
    """Return at most `limit` conversations that match, in the order of lists, from `offset` on."""
    return lists.read_summaries(connection, ListRequest(filters, view, None, offset + limit))[offset:]


def narrowed(conditions: Conditions, filters: Filters, known: KnownNames) -> Narrowed:
    """Return the caller's filters narrowed by the operators of a query."""
    project = _project(conditions.project, known)
    model = _model(conditions.model, known)
    names = (name.warning for name in (project, model) if name and name.warning)
    warnings = (*names, *_unknown_tags(conditions.tags, known))
    typed: FilterFields = {**_flags(conditions), **_limits(conditions, filters), "since": None, "until": None}
    if project:
        typed["project_id"] = project.value
    if model:
        typed["model"] = model.value
    if conditions.tags or conditions.without_tags:
        excluded = (f"{WITHOUT}{name}" for name in conditions.without_tags)
        given = () if filters.tag is None else (filters.tag,)
        typed["tag"] = SEPARATOR.join((*given, *conditions.tags, *excluded))
    messages = MessageConditions(
        conditions.role,
        _largest(filters.since, conditions.since),
        _smallest(filters.until, conditions.until),
        conditions.tools,
        conditions.has,
    )
    return Narrowed(replace(filters, **typed), messages, warnings)


def reasons_for_none(filters: Filters, known: KnownNames) -> list[str]:
    """Return why no conversation can match some filters, as sentences; empty if some could.

    A name can be one that nothing has, and a time can end before it begins.
    """
    found = _reason_of_project(filters.project_id, known)
    if filters.profile is not None and filters.profile not in known.profiles():
        found.append(f"No conversation has the profile {filters.profile}.")
    if filters.model is not None and filters.model not in known.models():
        found.append(f"No conversation has the model {filters.model}.")
    if filters.tag is not None:
        found += _unknown_tags(tag_filter(filters.tag)[0], known)
    if filters.since is not None and filters.until is not None and filters.until <= filters.since:
        found.append(
            f"No time is after {local_minute(filters.since)} and before {local_minute(filters.until)}."
        )
    return found


def _reason_of_project(project_id: str | None, known: KnownNames) -> list[str]:
    if not project_id:
        return []
    try:
        is_known = any(each.project_id == project_id for each in known.projects())
    except (Unreadable, StorageError) as error:
        return [str(error)]
    return [] if is_known else [f"There is no project {project_id}."]


def _flags(conditions: Conditions) -> FilterFields:
    """Return the filters that were typed as they are."""
    typed: FilterFields = {}
    if conditions.profile is not None:
        typed["profile"] = conditions.profile
    if conditions.source is not None:
        typed["source"] = source = Source(conditions.source)
        if source is Source.CRON:  # lists hide what scheduled jobs have begun
            typed["hidden"] = True
    if conditions.archived is not None:
        typed["archived"] = conditions.archived
    if conditions.pinned is not None:
        typed["pinned"] = conditions.pinned
    if conditions.interrupted is not None:
        typed["interrupted"] = conditions.interrupted
    if conditions.agent is not None:
        typed["agent"] = "only" if conditions.agent else False
    return typed


def _limits(conditions: Conditions, filters: Filters) -> FilterFields:
    limits: FilterFields = {}
    if conditions.min_cost is not None:
        limits["min_cost"] = max(conditions.min_cost, filters.min_cost or 0.0)
    if conditions.min_messages is not None:
        limits["min_messages"] = max(conditions.min_messages, filters.min_messages or 0)
    return limits


def _largest(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _smallest(*values: float | None) -> float | None:
    return min((value for value in values if value is not None), default=None)


# ---- names ----------------------------------------------------------------------------------------------


class _Meaning(NamedTuple):
    """What a typed name means, or why it means nothing."""

    value: str
    warning: str = ""


def _project(typed: str | None, known: KnownNames) -> _Meaning | None:
    """Return the id of the project with this id, else of the one with this name, in any case.

    `none` stands for no project, unless one has this name.
    """
    if typed is None:
        return None
    try:
        projects = list(known.projects())
    except (Unreadable, StorageError) as error:
        return _Meaning(typed, str(error))
    ids = [each.project_id for each in projects if each.project_id == typed]
    ids = ids or [each.project_id for each in projects if _folded(each.name) == _folded(typed)]
    if len(ids) == 1:
        return _Meaning(ids[0])
    if ids:
        return _Meaning(typed, f"Several projects are named {typed}. Use an id: {', '.join(ids)}.")
    return _Meaning("") if _folded(typed) == NO_PROJECT else _Meaning(typed, f"There is no project {typed}.")


def _model(typed: str | None, known: KnownNames) -> _Meaning | None:
    """Return the model of this name, else the only one with this text in its name, in any case."""
    if typed is None:
        return None
    models = sorted(set(known.models()))
    if typed in models:
        return _Meaning(typed)
    folded = _folded(typed)
    matches = [name for name in models if _folded(name) == folded]
    matches = matches or [name for name in models if folded in _folded(name)]
    if len(matches) == 1:
        return _Meaning(matches[0])
    if not matches:
        return _Meaning(typed, f"No conversation has a model {typed}.")
    some = ", ".join(matches[:MOST_NAMED]) + (", …" if len(matches) > MOST_NAMED else "")
    return _Meaning(typed, f"Several models have {typed} in their names. Use one of these: {some}.")


def _unknown_tags(typed: Iterable[str], known: KnownNames) -> list[str]:
    names = list(typed)
    keys = set(map(tag_key, known.tags())) if names else set()
    return [f"No conversation has the tag {name}." for name in names if tag_key(name) not in keys]


def _folded(name: str) -> str:
    return ordinary(name).casefold()
