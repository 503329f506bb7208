"""What calls of the repository take and return beside sessions: filters, pages, hits, sums, findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, ClassVar, Literal, NamedTuple, TypedDict, TypeVar, overload

from . import display
from .errors import InvalidValue, SessionsError
from .fields import (
    check_amount,
    check_choice,
    check_flag,
    check_seconds,
    check_text,
    check_whole,
)
from .metadata import MetadataFields
from .model import Session
from .sources import Source, SourceName
from .suggestions import no_such_argument
from .tag_names import check_tag_filter

Item = TypeVar("Item")

Sort = Literal["activity", "created", "title", "messages", "cost", "latest"]
UsageBy = Literal["day", "week", "month", "model", "source", "project", "profile", "tag", "tool"]
ExportFormat = Literal["json", "markdown", "html", "text", "jsonl"]

LONGEST_PREVIEW = 80  # characters


class AsDict:
    """A dataclass that becomes a JSON object."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON, by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


class FilterFields(TypedDict, total=False):
    """The fields of `Filters` as keywords of a call; a test holds both to each other."""

    profile: str | None
    project_id: str | None
    source: Source | SourceName | None
    archived: bool | None
    pinned: bool | None
    model: str | None
    tag: str | None
    since: float | None
    until: float | None
    min_cost: float | None
    min_messages: int | None
    interrupted: bool | None
    agent: bool | Literal["only"]
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which conversations a call is about; None matches all.

    `source` is one of `Source`. `archived`, `pinned` and `interrupted` are true for such conversations only,
    false for the others. A conversation is interrupted if a message in it still waits for its answer, as far
    as its file says. `tag` is a tag, or several with commas between them, which a conversation must have, or
    must not if `-` stands before it. The last activity was at or after `since` and before `until` (seconds
    since the epoch); a search applies these two to the messages that match. `min_cost` and `min_messages` are
    the least that a conversation has cost, in dollars, and the least messages it has. `agent` adds the
    agents' conversations, or ``"only"`` lists these, `hidden` adds those that the sidebar hides. An empty
    `project_id` stands for conversations without a project. Raises `InvalidValue` for a value of the wrong
    type and for an unknown source.
    """

    profile: str | None = None
    project_id: str | None = None
    source: Source | SourceName | None = None
    archived: bool | None = None
    pinned: bool | None = None
    model: str | None = None
    tag: str | None = None
    since: float | None = None
    until: float | None = None
    min_cost: float | None = None
    min_messages: int | None = None
    interrupted: bool | None = None
    agent: bool | Literal["only"] = False
    hidden: bool = False

    def __post_init__(self) -> None:
        for name in ("profile", "project_id", "source", "model", "tag"):
            check_text(name, getattr(self, name))
        if self.tag is not None:
            check_tag_filter(self.tag)
        if self.source is not None:
            check_choice("source", self.source, Source)
        for name, check in _CHECKS.items():
            if getattr(self, name) is not None:
                check(name, getattr(self, name))
        if self.agent != "only":
            check_flag("agent", self.agent)
        check_flag("hidden", self.hidden)

    @property
    def matches_all(self) -> bool:
        """Whether these are no conditions at all, whichever stores they are about."""
        return replace(self, agent=False, hidden=False) == Filters()


_CHECKS: Mapping[str, Callable[[str, object], object]] = {
    **dict.fromkeys(("archived", "pinned", "interrupted"), check_flag),
    **dict.fromkeys(("since", "until"), check_seconds),
    "min_cost": check_amount,
    "min_messages": check_whole,
}


def combined_filters(
    filters: Filters | None,
    keywords: FilterFields,
    default: Filters | None = None,
    *,
    call: Callable[..., object],
) -> Filters:
    """Return `filters`, or else the default, with the fields that the keywords give replaced.

    Raises `InvalidValue` as `Filters` does, and for a keyword that is no field; the error names the `call`.
    """
    if wrong := keywords.keys() - FilterFields.__annotations__.keys():
        raise InvalidValue(no_such_argument(call, min(wrong), FilterFields.__annotations__))
    chosen = filters if filters is not None else default or Filters()
    if not isinstance(chosen, Filters):
        raise InvalidValue("filters must be a Filters")
    return replace(chosen, **keywords)


@dataclass(frozen=True, slots=True, repr=False)
class Page(Sequence[Item]):
    """Some items of a list, which is a sequence of them.

    `next_cursor` continues the list, None at its end; `total` counts all that match. `warnings` says what
    the list cannot show. `version` is the version of the index that was read, as `version()` returns it;
    `unchanged` is true if the caller had this version already, so that no items were read.
    """

    items: list[Item]
    next_cursor: str | None
    total: int
    warnings: tuple[str, ...] = ()
    version: str = field(default="", compare=False, repr=False)
    unchanged: bool = False

    @classmethod
    def not_modified(cls, version: str) -> Page[Item]:
        """Return the page for a caller that has this version of the index already."""
        return cls([], None, 0, version=version, unchanged=True)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        return self.items[index]

    def __repr__(self) -> str:
        return display.as_text(*self._table())

    def _repr_html_(self) -> str:
        return display.as_html(*self._table())

    def _table(self) -> display.Table:
        rows = display.page_rows(self.items)
        heading = f"Page: {len(self):,} of {self.total:,} conversations"
        notes = [*(["more behind next_cursor"] if self.next_cursor else []), *self.warnings]
        return display.Table("; ".join([heading, *notes]), display.LISTED, rows, len(self) - len(rows))


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages of a session: the first has the index `offset`; `total` counts all messages.

    Earlier messages are those before `offset`, and later ones those from `end` on, while `end < total`.
    `tool_calls` is the session's complete list of calls, which refers to messages by their index.
    """

    messages: list[dict[str, Any]]
    offset: int
    total: int
    tool_calls: list[Any] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The index after that of the last message."""
        return self.offset + len(self.messages)


class Imported(list[Session]):
    """The sessions of an imported file; `warnings` says what of it does not exist here."""

    def __init__(self, sessions: Iterable[Session], warnings: tuple[str, ...] = ()) -> None:
        super().__init__(sessions)
        self.warnings = warnings


@dataclass(frozen=True, slots=True)
class Reversal:
    """A change that brings back what some sessions had before a call for many: fields, and tags.

    `order` are all tags that they had, in their order, if some are to be added. `unimport` takes away the
    files of agents' conversations that were imported by the call. `any_project` is for every call that
    sets some of the `values`: the project among them did not exist before, and need not exist now.
    """

    session_ids: tuple[str, ...]
    values: MetadataFields = field(default_factory=MetadataFields)
    tag: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    unimport: bool = False
    any_project: bool = False


@dataclass(frozen=True, slots=True)
class BulkReport(AsDict):
    """What a call for many conversations did: the ids of those that it changed, and why others failed, by id.

    Those that were already as they should be are in neither. Of a dry run, what it would do. `agents` are
    those among `done` that only an agent has, or that are deleted from an agent. `errors` are the errors
    themselves, by id. After pinning, archiving, filing and tagging, the changes in `undo` bring back what
    each session had before.
    """

    done: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    agents: tuple[str, ...] = ()
    errors: Mapping[str, SessionsError] = field(default_factory=dict, compare=False, repr=False)
    undo: tuple[Reversal, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def of(
        cls, done: Iterable[str], errors: Mapping[str, SessionsError], agents: Iterable[str] = ()
    ) -> BulkReport:
        """Return the report with these errors."""
        failed = {session_id: str(error) for session_id, error in errors.items()}
        return cls(tuple(done), failed, tuple(agents), errors)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {"done": list(self.done), "failed": dict(self.failed), "agents": list(self.agents)}


@dataclass(frozen=True, slots=True)
class Facets(AsDict):
    """How many conversations a list has, and how many a filter leaves of it; none is hidden.

    `total` and all numbers but `archived` are about those that are not archived. `unassigned` have no
    project; `projects` counts the others by project id. `projects_active_at` is when a project was
    last active, in seconds since the epoch. `tags` are by name, the most frequent first.
    """

    total: int = 0
    archived: int = 0
    interrupted: int = 0
    unassigned: int = 0
    projects: Mapping[str, int] = field(default_factory=dict)
    projects_active_at: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project(AsDict):
    """A named group of sessions.

    `color` is `#` and 3 to 8 hex digits, or None; `created_at` is in seconds since the epoch. `profile` is
    the one whose projects the web UI of August lists it among.
    """

    project_id: str
    name: str
    color: str | None
    created_at: float
    profile: str


@dataclass(frozen=True, slots=True)
class Composed(AsDict):
    """What the web UI's composer holds for a session: text and files that were not sent yet."""

    text: str
    files: list[Any]


@dataclass(frozen=True, slots=True)
class ExportReport(AsDict):
    """What an export of many conversations did: the ids of those written and of those removed.

    `unchanged` counts the others, `failed` says by id why one could not be read, and `warnings` what could
    not be listed: then no file is removed.
    """

    written: tuple[str, ...] = ()
    unchanged: int = 0
    removed: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """What `undo` or `retry` removed: how many messages, and the user's text."""

    count: int
    text: str

    @property
    def preview(self) -> str:
        """The beginning of the text on one line, at most 80 characters."""
        return " ".join(self.text.split())[:LONGEST_PREVIEW]


@dataclass(frozen=True, slots=True)
class Usage(AsDict):
    """The sums over the sessions of one `key`: a day, a model, and so on; None for sessions without one.

    `keys` has the key too, and the second one of sums by two. A day is `2026-09-01`, a week `2026-W36` (of
    ISO 8601, which begins on Monday), a month `2026-09`. `estimated_cost` sums the `priced` sessions, whose
    cost is known; None if no session has a known cost. `unpriced` counts the others.
    The sums of a tool have its `calls` and the `failed_calls` among them, and neither messages nor tokens;
    both are None in all other sums.
    """

    key: str | None
    sessions: int
    messages: int
    input_tokens: int
    output_tokens: int
    estimated_cost: float | None
    priced: int
    keys: tuple[str | None, ...] = ()
    calls: int | None = None
    failed_calls: int | None = None

    @property
    def unpriced(self) -> int:
        """How many sessions have no known cost; 0 in the sums of a tool, which have no costs."""
        return self.sessions - self.priced if self.calls is None else 0

    @property
    def total_tokens(self) -> int:
        """The sum of input and output tokens."""
        return self.input_tokens + self.output_tokens

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON, and the total of the tokens."""
        return {**AsDict.as_dict(self), "total_tokens": self.total_tokens}


_NO_KEY = {**dict.fromkeys(("day", "week", "month"), "no date"), "project": "in no project", "tag": "no tag"}


def usage_words(by: Sequence[UsageBy], part: Usage, projects: Mapping[str, str]) -> list[str]:
    """Return what the sums are about, for people to read; `projects` has the names of projects by id."""
    words = []
    for each, key in zip(by, part.keys, strict=True):
        of_project = projects.get(key or "") if each == "project" else None
        words.append(of_project or key or _NO_KEY.get(each, "none"))
    return words


def rounded_cost(dollars: float) -> float:
    """Return a sum of costs to the billionth of a dollar: what follows depends on the order of adding."""
    return round(dollars, 9)


def total_usage(parts: Iterable[Usage]) -> Usage:
    """Return the sums over several results, with the key None."""
    all_parts = list(parts)
    costs = [part.estimated_cost for part in all_parts if part.estimated_cost is not None]
    return Usage(
        key=None,
        sessions=sum(part.sessions for part in all_parts),
        messages=sum(part.messages for part in all_parts),
        input_tokens=sum(part.input_tokens for part in all_parts),
        output_tokens=sum(part.output_tokens for part in all_parts),
        estimated_cost=rounded_cost(math.fsum(costs)) if costs else None,
        priced=sum(part.priced for part in all_parts),
    )


class AgentShare(NamedTuple):
    """What an agent has of a conversation: how many segments, with how many messages."""

    segments: int = 0
    messages: int = 0


class TrashReason(StrEnum):
    """Why a session was moved to the trash."""

    DELETED = "deleted"
    AGENT = "agent"  # a copy of what only the agent had
    REPLACED = "replaced"  # by its backup
    RESCUED = "rescued"  # written by another program during a change that was interrupted
    SHORTENED = "shortened"  # in the folder of backups: the longer version of a session that was shortened

    @property
    def is_version(self) -> bool:
        """Whether it is a version of a session that nobody deleted."""
        return self in (TrashReason.REPLACED, TrashReason.RESCUED)


@dataclass(frozen=True, slots=True)
class Trashed(AsDict):
    """A session in the trash: when (seconds since the epoch) and why it was deleted, its size in bytes."""

    session_id: str
    title: str
    message_count: int
    deleted_at: float
    why: TrashReason
    size: int


@dataclass(frozen=True, slots=True)
class TrashedSession:
    """What the trash has of a conversation: its versions and those of its segments, the latest first.

    `exists` is whether the conversation is also in its place: then these are other versions of it.
    """

    session_id: str
    versions: tuple[Trashed, ...]
    exists: bool

    @property
    def title(self) -> str:
        """The title of the latest version."""
        return self.versions[0].title


LostField = Literal["title", "pinned", "archived", "project_id", "messages", "deleted"]


@dataclass(frozen=True, slots=True)
class LostUpdate(AsDict):
    """A change of this program that another program has overwritten, without having read it.

    `ours` is the value that was set, and `theirs` what the other program wrote; `lost_at` is when that was
    noticed, in seconds since the epoch. For `"messages"`, `ours` is how many were added and lost, and
    `theirs` how many were removed and are back. For `"deleted"`, `ours` is when the session was deleted, and
    `lost_at` when it was written again. `meaning` says it in words, with credentials masked.
    """

    session_id: str
    field: LostField
    ours: Any
    theirs: Any
    lost_at: float
    meaning: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How many sessions a sync added, updated, and removed, and how many files it could not read."""

    added: int
    changed: int
    removed: int
    unreadable: int


class RestrictionKind(StrEnum):
    """What keeps a home from being written as usual."""

    READ_ONLY = "read-only"
    FULL = "full disk"


@dataclass(frozen=True, slots=True)
class Restriction:
    """Why a home can be read and not written, or not all of it, and what to do about it; both are sentences.

    `remedy` is for people who use the library or the command line.
    """

    kind: RestrictionKind
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason} {self.remedy}"
