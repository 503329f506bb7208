"""Changes of one session: metadata set, messages added to the end or removed from it."""

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from ..errors import InvalidValue, ReadOnly
from ..fields import COMPOSED, READ_AS, UNTITLED
from ..index import Indexed
from ..messages import cards_by_message, message_text
from ..metadata import MetadataChange
from ..model import Metadata, Summary
from ..results import Removed
from ..settings import remember_workspace
from ..sidecars import Outline, backups, editing, journal, reading
from ..times import last_message_at
from . import context
from .create import store_new
from .store import Store, session_without_messages

BELONGING_TO_MESSAGES = ("tool_calls", context.CONTEXT)
SHORTENED = (backups.GENERATION, "truncation_watermark", "truncation_boundary")
NOTHING: Mapping[str, Any] = MappingProxyType({})
FREE_IN_READ_ONLY = frozenset({"pinned", "archived", "project_id", COMPOSED})


_Lists: TypeAlias = Mapping[str, editing.FirstItems]  # by key, what is kept of each


class _Update(NamedTuple):
    """Checked metadata, the JSON text of each value, what is added to the ends of lists, and removed keys."""

    values: Mapping[str, Any]
    texts: Mapping[str, bytes]
    lists: Mapping[str, Sequence[Any]]
    touch: bool
    removed: frozenset[str] = frozenset()

    @property
    def names(self) -> set[str]:
        """The keys that are set or removed."""
        return {*self.values, *self.removed}

    def is_nothing(self, present: Iterable[str]) -> bool:
        """Whether it changes nothing in a file with these keys: those to remove are not there."""
        return not (self.values or self.lists or self.removed.intersection(present))


def update_session(store: Store, session_id: str, change: MetadataChange, *, touch: bool) -> Summary:
    """Set and remove metadata, leaving the bytes of the messages alone; `touch` sets `updated_at`.

    A change of nothing writes nothing.
    """
    if change.is_empty:
        return store.summary(session_id)
    values = change.values
    update = _Update(values, editing.encoded(values), {}, touch, change.removed)
    summary = store.change(session_id, lambda row: _change(store, row, update))
    if values.get("workspace"):
        remember_workspace(store.config, values["workspace"])
    return summary


def would_update(store: Store, session_id: str, change: MetadataChange, *, touch: bool) -> bool:
    """Return whether `update_session` would write this session; raises as that."""
    summary = store.summary(session_id)
    refuse_read_only(summary, {*change.values, *change.removed}, transcript=False)
    known = {**summary.metadata(), **summary.extra}
    return not change.is_empty and (touch or not change.is_in(known))


def change_metadata(store: Store, row: Indexed, values: Mapping[str, Any]) -> Summary:
    """Set checked metadata in the version that a row was made from, without counting it as activity."""
    return _change(store, row, _Update(values, editing.encoded(values), {}, touch=False))


def append_messages(
    store: Store, session_id: str, lists: Mapping[str, Sequence[Any]], values: Mapping[str, Any]
) -> Summary:
    """Add to the ends of `messages` and `tool_calls`, which are not read, and set checked metadata."""
    update = _Update(values, editing.encoded(values), lists, touch=True)
    return store.change(session_id, lambda row: _change(store, row, update))


def _change(store: Store, row: Indexed, update: _Update) -> Summary:
    """Apply an update to the version of a session that `row` was made from."""
    refuse_read_only(row.summary, update.names, transcript=bool(update.lists))
    if row.draft and update.is_nothing(row.summary.extra):
        return row.summary
    derived: dict[str, Any] = {"updated_at": time.time()} if update.touch else {}
    derived |= title_origin(row.summary, update.values)
    if row.draft:
        return _change_draft(store, row, {**update.values, **derived}, update)
    messages = update.lists.get("messages", ())
    derived["message_count"] = count = row.summary.message_count + len(messages)
    texts = {**update.texts, **editing.encoded(derived)}
    with opened_for(store, row, {*texts, *update.lists, *update.removed, *READ_AS}) as source:
        if update.is_nothing(member.key for member in source.members):
            return row.summary
        noted = editing.unstated_times(source, row.summary, texts)
        edits = editing.append(source, update.lists, editing.encoded(noted) | texts, update.removed)
        changes = journal.added(row.summary.message_count, messages, update.lists.get("tool_calls", ()))
        with store.noting(row.summary.session_id, changes):
            written = editing.rewrite(source, edits, count)
    sent_at = (last_message_at(reversed(messages)) if messages else None) or row.stored.sent_at
    kept = _unchanged_messages(row.summary, update.lists) if update.lists else row.summary.message_count
    done = MetadataChange({**noted, **update.values, **derived}, update.removed)
    return store.record_change(row, done, written.sent(sent_at), kept, changes)


def _unchanged_messages(summary: Summary, lists: Mapping[str, Sequence[Any]]) -> int | None:
    """Return how many messages an append leaves as they are for a search; None if it adds calls to some."""
    cards = cards_by_message(lists.get("tool_calls", ()))
    return None if any(index < summary.message_count for index in cards) else summary.message_count


def title_origin(session: Metadata, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys by which a later web UI knows whose title it is, where the file has them.

    It may replace a title that nobody chose, such as `Untitled`, by one of its own.
    """
    if "title" not in values:
        return {}
    origin = {"manual_title": values["title"] != UNTITLED, "llm_title_generated": False}
    return {name: value for name, value in origin.items() if name in session.extra and name not in values}


def refuse_read_only(session: Metadata, names: Collection[str], *, transcript: bool) -> None:
    """Raise `ReadOnly` if a session is marked read-only, and these fields or its transcript are not free."""
    if session.extra.get("read_only") is True and (transcript or not FREE_IN_READ_ONLY.issuperset(names)):
        raise ReadOnly(f"session {session.session_id} is read-only: duplicate it, and change the copy")


def _change_draft(store: Store, row: Indexed, values: Mapping[str, Any], update: _Update) -> Summary:
    session = session_without_messages(row.summary.changed(values, update.removed))
    messages, tool_calls = (list(update.lists.get(name, ())) for name in ("messages", "tool_calls"))
    return store.saved(store_new(store, replace(session, messages=messages, tool_calls=tool_calls)))


def opened_for(store: Store, row: Indexed, keys: Collection[str]) -> AbstractContextManager[Outline]:
    """Open the file that a row was made from, to set these keys; raise `Conflict` for another version."""
    count = row.summary.message_count
    return editing.opened(store.path_of(row.summary.session_id), row.stored, count, keys)


# ---- fewer messages -------------------------------------------------------------------------------------


def truncate_session(store: Store, session_id: str, keep: int) -> Summary:
    """Keep the first `keep` messages, and the file before as a backup."""
    kept = context.of_first_messages(keep)
    lists = partial(_kept_lists, keep=keep, kept=kept)
    return store.change(session_id, lambda row: _shorten(store, row, keep, lists))


def clear_session(store: Store, session_id: str, values: Mapping[str, Any]) -> Summary:
    """Remove every message and what belongs to them, set checked metadata, and keep a backup."""
    return store.change(session_id, lambda row: _clear(store, row, values))


def _clear(store: Store, row: Indexed, values: Mapping[str, Any]) -> Summary:
    if row.summary.message_count:
        return _shorten(store, row, 0, _empty_lists, values)
    if all(getattr(row.summary, name, None) == value for name, value in values.items()):
        return row.summary
    return _change(store, row, _Update(values, editing.encoded(values), {}, touch=True))


def remove_last_turn(store: Store, session_id: str) -> Removed:
    """Remove the last user message and all after it; raise `InvalidValue` if there is none."""
    return store.change(session_id, lambda row: _remove_last_turn(store, row))


def _shorten(
    store: Store,
    row: Indexed,
    keep: int,
    kept_lists: Callable[[Outline], _Lists],
    values: Mapping[str, Any] = NOTHING,
) -> Summary:
    """Keep the first `keep` messages, and of the lists that belong to them what is kept; set metadata."""
    if keep >= row.summary.message_count:
        return row.summary
    derived = {**values, **title_origin(row.summary, values)}
    derived |= {"message_count": keep, "updated_at": time.time()}
    refuse_read_only(row.summary, derived, transcript=True)
    row = store.with_marks(row)
    with opened_for(store, row, {*derived, *SHORTENED, *READ_AS, *BELONGING_TO_MESSAGES}) as source:
        sent_at = reading.sent_before(source, keep)
        derived |= shortened(sent_at)
        noted = editing.unstated_times(source, row.summary, derived)
        lists = kept_lists(source)
        texts = editing.encoded({**noted, **derived}) | {key: each.text for key, each in lists.items()}
        edits = [*editing.truncated(source, keep), *editing.set_keys(source, texts)]
        first = reading.messages_from(source, keep, journal.MARKED)
        changes = journal.removed(keep, first, source.total - keep)
        backups.put_aside(source.path, store.backups_dir)
        with store.noting(row.summary.session_id, changes):
            written = editing.rewrite(source, edits, keep, keep_in=store.backups_dir)
    listed = {key: each.items for key, each in lists.items() if key == context.CONTEXT}
    done = MetadataChange({**noted, **derived, **listed})
    return store.record_change(row, done, written.sent(sent_at), keep, changes)


def _kept_lists(source: Outline, keep: int, kept: context.KeptOfContext) -> _Lists:
    """Return the lists that belong to the messages, by key, where they lose something."""
    calls, given = editing.kept_tool_calls(source, keep), context.first_items(source, kept)
    lists = {key: editing.FirstItems([], text) for key, text in calls.items()}
    return lists if given is None else {**lists, context.CONTEXT: given}


def _empty_lists(source: Outline) -> _Lists:
    present = {member.key for member in source.members}
    return {key: editing.FirstItems([], b"[]") for key in BELONGING_TO_MESSAGES if key in present}


def shortened(last_at: float | None) -> dict[str, Any]:
    """Return what a file says that was shortened on purpose, by the keys `SHORTENED`.

    `last_at` is when the last message that is left was sent, in seconds since the epoch. Without these keys
    the web UI would restore a longer version from whatever backup it has, and show messages from `state.db`
    that were removed here: the agent keeps those of the web UI's sessions too.
    """
    cut = last_at or 0.0
    return dict(zip(SHORTENED, (uuid.uuid4().hex, cut, cut), strict=True))


def _remove_last_turn(store: Store, row: Indexed) -> Removed:
    row = store.with_marks(row)
    last = None if row.draft else _last_user_message(store, row)
    if last is None:
        raise InvalidValue("the session has no user message, so there is no turn to remove")
    index, message = last
    _shorten(store, row, index, partial(_kept_lists, keep=index, kept=context.before_last_turn))
    text = message_text(message)
    return Removed(row.summary.message_count - index, text)


def _last_user_message(store: Store, row: Indexed) -> tuple[int, dict[str, Any]] | None:
    with opened_for(store, row, ()) as source:
        return reading.last_user_message(source)
