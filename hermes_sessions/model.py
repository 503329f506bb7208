"""The values that cross the library's boundary: sessions, their metadata and versions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, Literal, NamedTuple, Self

from .errors import InvalidId, InvalidValue
from .fields import (
    ALWAYS_DISPLAYABLE,
    DEEPEST,
    FIELDS,
    LATER_LISTED,
    PENDING_FIELDS,
    UNTITLED,
    check_extra,
    check_id,
    check_messages,
    displayable,
    is_shallow,
    other_keys,
    read_profile,
)
from .sources import Source, source_class
from .times import last_message_at


class Signature(NamedTuple):
    """The version of a sidecar, from `stat`. A draft has inode 0, and the time when it was changed."""

    size: int
    mtime_ns: int
    inode: int


UNKNOWN_VERSION = Signature(0, 0, 0)  # which no file has


class Stored(NamedTuple):
    """What the index knows about a sidecar, beside its summary.

    `signature` is its version. `transcript` and `tool_calls` are the offsets, in bytes, at which the values
    of `messages` and `tool_calls` begin and end; None if the key is missing or its place unknown. `sent_at`
    is when the last message was sent, in seconds since the epoch, None if no message says. `marks` are
    offsets of some messages, None if neither they nor the place of `tool_calls` is known.
    """

    signature: Signature
    transcript: tuple[int, int] | None = None
    sent_at: float | None = None
    tool_calls: tuple[int, int] | None = None
    marks: bytes | None = None


class FolderTimes(NamedTuple):
    """The modification times of the sessions folder before and after a write of this program, in nanoseconds.

    `after` is None if another program changed the folder too.
    """

    before: int
    after: int | None


class FileChange(NamedTuple):
    """A change of a session's file by this program.

    `before` is the version that was replaced, None for a new file; `after` the new version, None if the file
    was deleted. `kept` counts the messages at the beginning that did not change, None if that is unknown.
    """

    session_id: str
    title: str
    before: Signature | None
    after: Signature | None
    kept: int | None


# ---- sessions -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The fields of a session, named as in the web UI's JSON; times are in seconds since the epoch."""

    session_id: str
    title: str
    workspace: str | None
    model: str | None
    model_provider: str | None
    created_at: float
    updated_at: float
    pinned: bool
    archived: bool
    project_id: str | None
    profile: str
    input_tokens: int
    output_tokens: int
    estimated_cost: float | None
    personality: str | None
    active_stream_id: str | None
    pending_user_message: str | None
    pending_attachments: list[Any]
    pending_started_at: float | None
    compression_anchor_visible_idx: Any
    compression_anchor_message_key: Any
    context_length: int | None
    threshold_tokens: int | None
    last_prompt_tokens: int | None
    parent_session_id: str | None
    is_cli_session: bool
    source_tag: str | None
    session_source: str | None
    source_label: str | None
    enabled_toolsets: list[str] | None
    extra: dict[str, Any] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """Return the known fields by name, in the order in which the web UI writes them."""
        return {name: getattr(self, name) for name in ("session_id", *FIELDS)}

    @property
    def source(self) -> Source:
        """The class of the source."""
        if self.session_id.startswith("cron_"):
            return Source.CRON
        tag = self.source_tag or self.extra.get("source") or self.extra.get("raw_source")
        if not isinstance(tag, str):
            return Source.CLI if self.is_cli_session else Source.WEBUI
        return source_class(tag)

    @property
    def waiting(self) -> bool:
        """Whether an answer is being written, or a message waits for one."""
        return bool(self.active_stream_id or self.pending_user_message)

    @property
    def arranged(self) -> bool:
        """Whether somebody titled, pinned, filed or archived it: then it is listed, even without messages."""
        return self.title != UNTITLED or self.pinned or self.archived or self.project_id is not None

    def is_interrupted(self, alive: Collection[str] = ()) -> bool:
        """Whether a message waits for the answer of a stream that is not among those `alive`."""
        is_waiting = bool(self.pending_user_message and self.active_stream_id)
        return is_waiting and self.active_stream_id not in alive


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Metadata):
    """A session as lists show it; `extra` holds the other keys of its file that are small.

    `lineage` holds what the agent knows about its parent, or its place in a chain of segments, under the web
    UI's keys; it is not in the file. `of_agent` is true if only the agent has the session: it can be read,
    but must be imported before it can be changed. `tags` are those that it was given, then those in its
    title, without `#`.
    """

    message_count: int
    last_message_at: float
    lineage: dict[str, Any] = field(default_factory=dict)
    of_agent: bool = False
    tags: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Callable[..., Summary], tuple[tuple[Any, ...]]]:
        """Pickle the values alone, which takes two thirds of the time of a dataclass."""
        return _from_values, (_all_values_of(self),)

    @property
    def empty(self) -> bool:
        """Whether it has no messages, and none waits for an answer."""
        return not self.message_count and not self.waiting

    @property
    def hidden(self) -> bool:
        """Whether the sidebar hides it: an empty session that nobody arranged, or one of a scheduled job."""
        return (self.empty and not self.arranged) or self.source is Source.CRON

    def as_dict(self, active_streams: Collection[str] = ()) -> dict[str, Any]:
        """Return the list entry that the web UI's client reads; `active_streams` are ids of live streams."""
        tags = {"tags": list(self.tags)} if self.tags else {}
        return list_entry(_listed_fields(self) | tags, self.extra, self.lineage, active_streams)

    def displayable(self) -> Self:
        """Return this summary in a form that every database and screen can take.

        Texts are cleaned by `clean_text` and cut to the longest that is allowed. Values nested deeper than
        100 levels are left out. The file keeps its values.
        """
        changed: dict[str, Any] = {}
        for name in FIELDS:
            value = getattr(self, name)
            if type(value) not in ALWAYS_DISPLAYABLE and (shown := displayable(name, value)) != value:
                changed[name] = shown
        if self.extra and not is_shallow(self.extra, DEEPEST + 1):
            changed["extra"] = {name: value for name, value in self.extra.items() if is_shallow(value)}
        return replace(self, **changed) if changed else self

    def changed(self, changes: Mapping[str, Any], removed: Collection[str] = ()) -> Self:
        """Return this summary with checked changes of its metadata or its derived fields.

        `removed` are keys of `extra`.
        """
        known = {item.name for item in fields(self)}
        direct = {name: value for name, value in changes.items() if name in known}
        if "profile" in direct:
            direct["profile"] = read_profile(direct["profile"])
        kept = {name: value for name, value in self.extra.items() if name not in removed}
        extra = kept | other_keys(changes)
        return replace(self, **direct, extra=extra)


# By field: with these a new summary is filled in half the time that the class itself, which is frozen, takes.
SUMMARY_SETTERS: Mapping[str, Callable[[Summary, Any], None]] = {
    each.name: getattr(Summary, each.name).__set__ for each in fields(Summary)
}
_all_values_of = attrgetter(*SUMMARY_SETTERS)


def _from_values(values: tuple[Any, ...]) -> Summary:
    made = object.__new__(Summary)
    for put, value in zip(SUMMARY_SETTERS.values(), values, strict=True):
        put(made, value)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Metadata):
    """A whole session; `signature` is the version that was read, None if it was never stored.

    `extra` holds every other top-level key of its file.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    tool_calls: list[Any] = field(default_factory=list)
    signature: Signature | None = None

    @property
    def draft(self) -> bool:
        """Whether it is stored without a file; it gets one with its first message or when it is arranged."""
        return self.signature is not None and self.signature.inode == 0

    @property
    def message_count(self) -> int:
        """The number of messages."""
        return len(self.messages)

    @property
    def last_message_at(self) -> float:
        """When the last message was sent, or else when the session was last changed."""
        return last_message_at(reversed(self.messages)) or self.updated_at

    def as_dict(self, active_streams: Collection[str] = ()) -> dict[str, Any]:
        """Return the session with its messages as the web UI's client reads it."""
        entry = list_entry(_listed_fields(self), self.extra, {}, active_streams)
        return entry | pending(self) | {"messages": self.messages, "tool_calls": self.tool_calls}

    def summary(self) -> Summary:
        """Return this session as lists show it."""
        return Summary(
            **self.metadata(),
            extra=self.extra,
            message_count=self.message_count,
            last_message_at=self.last_message_at,
        )


# Another server may still be writing the answer: a message sent this recently is not called interrupted.
STREAM_SECONDS = 900

TurnState = Literal["streaming", "interrupted", "unanswered", ""]


def turn_state(summary: Summary, now: float) -> TurnState:
    """Return the state of a session's last turn, in the word of lists, pages and filters.

    `now` is in seconds since the epoch.
    """
    if not summary.active_stream_id:
        return "unanswered" if summary.pending_user_message else ""
    sent = summary.pending_started_at or summary.updated_at
    return "interrupted" if summary.is_interrupted() and now - sent >= STREAM_SECONDS else "streaming"


def state_words(summary: Summary, now: float) -> list[str]:
    """Return the states of a session in the words of lists and pages; `now` as in `turn_state`."""
    flags = {"pinned": summary.pinned, "archived": summary.archived}
    turn = turn_state(summary, now)
    return [*(name for name, holds in flags.items() if holds), *([turn] if turn else [])]


def check_session(session: object) -> Session:
    """Return a session whose id, lists, `extra` and `signature` can be stored.

    Raises `InvalidId`, `InvalidValue`. Its metadata are checked by `fields.check_metadata`.
    """
    if not isinstance(session, Session):
        raise InvalidValue("session must be a Session")
    if check_id(session.session_id).startswith("_"):
        raise InvalidId("session_id must not begin with _")
    check_messages(session.messages)
    check_messages(session.tool_calls, "tool_calls")
    check_extra(session.extra)
    if not isinstance(session.signature, Signature | None):
        raise InvalidValue("signature must be that of a session that was read, or None")
    return session


def pending(session: Metadata) -> dict[str, Any]:
    """Return what an open session shows about an unanswered message, beside its list entry."""
    return {
        "pending_attachments": session.pending_attachments,
        "pending_started_at": session.pending_started_at,
    }


_LISTED = tuple(name for name in FIELDS if name not in PENDING_FIELDS)
_LISTED_NAMES = ("session_id", *_LISTED, "message_count", "last_message_at")
_values_of = attrgetter(*_LISTED_NAMES)
_LISTED_OTHERS = LATER_LISTED.union(_LISTED)


def _listed_fields(session: Summary | Session) -> dict[str, Any]:
    return dict(zip(_LISTED_NAMES, _values_of(session), strict=True))


def list_entry(
    entry: dict[str, Any],
    others: Mapping[str, Any],
    lineage: Mapping[str, Any],
    active_streams: Collection[str],
) -> dict[str, Any]:
    """Complete a list entry, as the web UI's client reads it, and return it.

    `entry` holds every field that lists show, `session_id`, `message_count` and `last_message_at`. `others`
    are further keys of the file; fields among them replace those of `entry`. `lineage` holds what the agent
    knows of the session, with the web UI's keys; `active_streams` the ids of the streams that are live.
    """
    stream = entry["active_stream_id"]
    entry["is_streaming"] = bool(stream) and stream in active_streams
    if not entry["parent_session_id"]:
        del entry["parent_session_id"]
    for name in others:
        if name in _LISTED_OTHERS:
            entry[name] = others[name]
    if lineage:
        entry.update(lineage)
    return entry
