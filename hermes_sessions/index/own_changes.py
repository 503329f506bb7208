"""What this program changed last in sessions, and which of it another program has overwritten unread.

The web UI keeps open sessions in memory and writes them whole. A file that it wrote from an older state has
the values from before a change of this program. What is known here is forgotten after a month, and lost with
the index. Of messages, it is only which changes to judge: `sidecars.journal` has the messages.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from .. import lost_words
from ..messages import mask
from ..model import Metadata, Signature, Summary
from ..results import LostField, LostUpdate
from ..sidecars import TranscriptChange
from . import index_state, own_transcripts, rows
from .among import Among
from .database import chunks, parameter
from .own_transcripts import NOTHING_LOST, Judgement, Lost
from .row_values import Indexed
from .schema import OWN_CHANGES, SESSIONS, TRASHED

WATCHED: tuple[LostField, ...] = ("title", "pinned", "archived", "project_id")
MESSAGES: LostField = "messages"
_COMPARED = (*WATCHED, "message_count", "model", "workspace")
MOST_BEFORE = 8  # earlier values of a field: the other program may have read any of them
KEPT_SECONDS = 30 * 86_400
# How long the row of a session may stay after its file was moved to the trash, by a process that is slow.
DELETING_NS = 60_000_000_000

Outcome = Literal["kept", "lost", "superseded"]
Values = Mapping[str, Any]


class OwnChange(NamedTuple):
    """A field that was set to `after`, the values that it had `before`, and when it was found overwritten."""

    field: str
    before: list[Any]
    after: Any
    lost_at: float | None = None


# ---- what a file of another program means -----------------------------------------------------------------


def judge(changes: Sequence[OwnChange], ours: Values | None, theirs: Values) -> dict[str, Outcome]:
    """Return for each field what became of its change in a file of another program.

    `ours` are the values of the version before, None if unknown. If a field has a value from before the
    change, the change is lost, unless that is the only difference: then somebody has switched a pin, an
    archive flag or a project back. Nobody types an old title again, so a title is lost either way. Any other
    value is a later decision.
    """
    differing = {name for name in theirs if ours is None or ours[name] != theirs[name]}
    return {change.field: _outcome(change, theirs[change.field], differing) for change in changes}


def _outcome(change: OwnChange, theirs: Any, differing: Collection[str]) -> Outcome:
    if theirs == change.after:
        return "kept"
    if theirs not in change.before:
        return "superseded"
    deliberate = change.lost_at is None and change.field != "title" and differing == {change.field}
    return "superseded" if deliberate else "lost"


def _values(summary: Summary) -> dict[str, Any]:
    return {name: getattr(summary, name) for name in _COMPARED}


# ---- the table --------------------------------------------------------------------------------------------

_VALUES = OWN_CHANGES.c["values"]
_CHANGES = sa.select(OWN_CHANGES.c.session_id, OWN_CHANGES.c.field, _VALUES, OWN_CHANGES.c.lost_at)
_THIS = (OWN_CHANGES.c.session_id == sa.bindparam("id"), OWN_CHANGES.c.field == sa.bindparam("name"))
_ONE = sa.select(_VALUES).where(*_THIS)
_IS_AMONG = Among(OWN_CHANGES.c.session_id)
_CHANGED_FIELDS = _CHANGES.where(_IS_AMONG, OWN_CHANGES.c.field != MESSAGES)
_MESSAGES = sa.select(OWN_CHANGES.c.session_id, _VALUES, OWN_CHANGES.c.changed_at).where(
    _IS_AMONG, OWN_CHANGES.c.field == MESSAGES
)
_INSERT = sa.insert(OWN_CHANGES)
_UPDATE = sa.update(OWN_CHANGES).where(*_THIS)
_FORGET = sa.delete(OWN_CHANGES).where(*_THIS)
_SET_AGAIN = _UPDATE.values(
    values=parameter("new_", _VALUES), changed_at=parameter("new_", OWN_CHANGES.c.changed_at), lost_at=None
)
_CHANGED_AGAIN = _UPDATE.values(changed_at=parameter("new_", OWN_CHANGES.c.changed_at))
_LOST = _CHANGES.where(OWN_CHANGES.c.lost_at.is_not(None)).order_by(
    OWN_CHANGES.c.lost_at.desc(), OWN_CHANGES.c.session_id, OWN_CHANGES.c.field
)
# From the trash, which has fewer sessions: SQLite begins with the table whose order is asked for.
_CAME_BACK = (
    sa.select(TRASHED.c.session_id, TRASHED.c.deleted_at, SESSIONS.c.mtime_ns)
    .join(SESSIONS, SESSIONS.c.session_id == TRASHED.c.session_id)
    .where(
        TRASHED.c.deleted_at.is_not(None),
        sa.or_(SESSIONS.c.mtime_ns > TRASHED.c.deleted_at, TRASHED.c.deleted_at < sa.bindparam("done")),
    )
    .order_by(TRASHED.c.session_id)
)

_OF_ONE = sa.bindparam("of", type_=sa.String)
_LOST_OF_ONE = _LOST.where(OWN_CHANGES.c.session_id == _OF_ONE)
_CAME_BACK_OF_ONE = _CAME_BACK.where(TRASHED.c.session_id == _OF_ONE)


def remember(
    connection: Connection, old: Metadata, new: Metadata, changes: Sequence[TranscriptChange]
) -> bool:
    """Store which watched fields a change of this program has set, and its changes of the transcript.

    Returns whether earlier changes of the transcript were lost: these may have settled that.
    """
    for field in WATCHED:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            _remember(connection, {"id": new.session_id, "name": field}, before, after)
    return bool(changes) and _remember_messages(connection, new.session_id, changes)


def _remember(connection: Connection, this: Mapping[str, str], before: Any, after: Any) -> None:
    known = connection.execute(_ONE, this).scalar_one_or_none()
    values, now = {"before": _before(known, before), "after": after}, time.time()
    if known is None:
        row = {"session_id": this["id"], "field": this["name"], "values": values, "changed_at": now}
        connection.execute(_INSERT, row)
    else:
        connection.execute(_SET_AGAIN, {**this, "new_values": values, "new_changed_at": now})


def _before(known: Values | None, value: Any) -> list[Any]:
    """Return the values that another program may still have in memory, `value` the last of them."""
    earlier = known["before"] if known is not None and known["after"] == value else []
    return [*(each for each in earlier if each != value), value][-MOST_BEFORE:]


def notice(connection: Connection, read: Sequence[Indexed], judged: Mapping[str, "Judged"]) -> None:
    """Find out what became of the changes of this program in files that were read, before they are stored.

    `judged` are the outcomes of their transcripts, by id.
    """
    by_id = {row.summary.session_id: row for row in read}
    found: dict[str, list[OwnChange]] = {}
    for some in chunks(by_id):
        for session_id, field, values, lost_at in connection.execute(_CHANGED_FIELDS, {"ids": some}):
            change = OwnChange(field, values["before"], values["after"], lost_at)
            found.setdefault(session_id, []).append(change)
    for session_id, changes in found.items():
        row = rows.get(connection, session_id)
        ours, theirs = None if row is None else _values(row.summary), _values(by_id[session_id].summary)
        if ours is not None and _lost_messages(judged.get(session_id)):
            ours[MESSAGES], theirs[MESSAGES] = "here", "lost"  # though there may be as many
        outcomes = judge(changes, ours, theirs)
        for change in changes:
            _store(connection, session_id, change, outcomes[change.field], theirs[change.field])
    for session_id in judged.keys() & by_id:
        _store_judged(connection, session_id, judged[session_id], by_id[session_id].stored.signature)


def _store(connection: Connection, session_id: str, change: OwnChange, outcome: Outcome, theirs: Any) -> None:
    this = {"id": session_id, "name": change.field}
    if outcome == "superseded":
        connection.execute(_FORGET, this)
    elif outcome == "lost" and change.lost_at is None:
        values = {"before": change.before, "after": change.after, "theirs": theirs}
        connection.execute(_UPDATE.values({_VALUES: values, OWN_CHANGES.c.lost_at: time.time()}), this)
    elif outcome == "kept" and change.lost_at is not None:
        connection.execute(_UPDATE.values(lost_at=None), this)


# ---- messages ---------------------------------------------------------------------------------------------


class Remembered(NamedTuple):
    """Which changes of a transcript, by their `at`, can be lost: those `since` one.

    `lost` was found overwritten. `read` is the version of the file in which another program wrote all of
    them: it has read them.
    """

    since: int
    changed_at: float
    lost: Lost = NOTHING_LOST
    read: Signature | None = None


class Judged(NamedTuple):
    """The outcome of a transcript that was compared up to a change, None if it was decided before."""

    judgement: Judgement | None
    until: int


def _remember_messages(connection: Connection, session_id: str, changes: Sequence[TranscriptChange]) -> bool:
    """Store that this program changed a transcript, and return whether changes of it were lost."""
    this = {"id": session_id, "name": MESSAGES}
    values = connection.execute(_ONE, this).scalar_one_or_none()
    if values is None or values.get("read"):
        forget(connection, session_id, [MESSAGES])
        new = {"values": {"since": changes[0].at, "after": 0}, "changed_at": changes[-1].at / 1e9}
        connection.execute(_INSERT, {"session_id": session_id, "field": MESSAGES, **new})
        return False
    connection.execute(_CHANGED_AGAIN, {**this, "new_changed_at": changes[-1].at / 1e9})
    return "meaning" in values


def remembered(connection: Connection, session_ids: Collection[str]) -> dict[str, Remembered]:
    """Return what is known of the changes of the transcripts of these sessions, by id."""
    found = {}
    for some in chunks(session_ids):
        for session_id, values, changed_at in connection.execute(_MESSAGES, {"ids": some}):
            read, lost = values.get("read"), Lost(*values.get("lost", ()))
            version = Signature(*read) if read else None
            found[session_id] = Remembered(values["since"], changed_at, lost, version)
    return found


def not_read(connection: Connection, session_id: str, version: Signature) -> None:
    """Correct what a sync took for another program's: this version of a file is of this program.

    A sync of another process may read a file after it was written here, and before its row is stored.
    """
    this = {"id": session_id, "name": MESSAGES}
    values = connection.execute(_ONE, this).scalar_one_or_none()
    if values is not None and values.get("read") == list(version):
        connection.execute(_UPDATE.values({_VALUES: {**values, "read": None}}), this)


def _lost_messages(judged: "Judged | None") -> bool:
    return judged is not None and judged.judgement is not None and judged.judgement.is_lost


def settle(connection: Connection, session_id: str, judgement: Judgement) -> None:
    """Store what is still lost after a change of this program, or that nothing is."""
    this = {"id": session_id, "name": MESSAGES}
    values = connection.execute(_ONE, this).scalar_one_or_none()
    if values is None:
        return
    values.pop("meaning", None)
    if judgement.is_lost:
        until = values["lost"][0]  # later changes are in the file
        connection.execute(_UPDATE.values({_VALUES: values | _lost_values(judgement, until)}), this)
    else:
        values["lost"] = Lost(values["lost"][0]) if "lost" in values else Lost()
        connection.execute(_UPDATE.values({_VALUES: values, OWN_CHANGES.c.lost_at: None}), this)
    index_state.next_generation(connection)


def _store_judged(connection: Connection, session_id: str, judged: Judged, version: Signature) -> None:
    judgement, this = judged.judgement, {"id": session_id, "name": MESSAGES}
    values = connection.execute(_ONE, this).scalar_one_or_none()
    if values is None:
        return
    if judgement is None or not (judgement.is_lost or judgement.is_read):
        connection.execute(_FORGET, this)
    elif judgement.is_lost:
        values |= _lost_values(judgement, judged.until)
        connection.execute(_UPDATE.values({_VALUES: values}), this)
        connection.execute(_UPDATE.where(OWN_CHANGES.c.lost_at.is_(None)).values(lost_at=time.time()), this)
    elif rows.get(connection, session_id) is not None:  # or this version may be of this program
        values |= {"read": list(version)}
        values.pop("meaning", None)
        connection.execute(_UPDATE.values({_VALUES: values, OWN_CHANGES.c.lost_at: None}), this)


def _lost_values(judgement: Judgement, until: int) -> dict[str, Any]:
    removed = sum(change.removed for change in judgement.back)
    meaning = own_transcripts.in_words(judgement)
    counts = {"after": len(judgement.missing), "theirs": removed}
    return {**counts, "meaning": meaning, "since": judgement.since, "lost": judgement.lost(until)}


# ---- bringing back ----------------------------------------------------------------------------------------


def stored(connection: Connection, session_id: str) -> list[dict[str, Any]]:
    """Return all that is known of the changes of a session, to be given to `bring_back`."""
    query = sa.select(OWN_CHANGES).where(OWN_CHANGES.c.session_id == session_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def checked(session_id: str, known: Any) -> list[dict[str, Any]]:
    """Return what `stored` had returned for a session; raise `TypeError`, `ValueError` for anything else."""
    columns = set(OWN_CHANGES.c.keys())
    for row in known:
        is_of_table = isinstance(row, dict) and row.keys() == columns and isinstance(row["values"], dict)
        if not is_of_table or row["session_id"] != session_id:
            raise ValueError("not what is known of the changes of the session")
    return list(known)


def bring_back(
    connection: Connection,
    session_id: str,
    known: Sequence[Mapping[str, Any]],
    versions: Mapping[Signature, Signature],
) -> None:
    """Replace all that is known of the changes of a session by what `stored` returned earlier.

    `versions` are the versions of its files now, by those of the same files then.
    """
    forget(connection, session_id)
    for row in known:
        values = dict(row["values"])
        if values.get("read"):
            read = Signature(*values["read"])
            values["read"] = list(versions.get(read, read))
        connection.execute(sa.insert(OWN_CHANGES), {**row, "values": values})
    index_state.next_generation(connection)


# ---- forgetting -------------------------------------------------------------------------------------------


def forget(connection: Connection, session_id: str, fields: Collection[str] = (*WATCHED, MESSAGES)) -> None:
    """Forget the changes of these fields of a session."""
    condition = OWN_CHANGES.c.session_id == session_id, OWN_CHANGES.c.field.in_(list(fields))
    connection.execute(sa.delete(OWN_CHANGES).where(*condition))


def outdated(connection: Connection) -> bool:
    """Whether there are changes that only a program with a session open for a month can have missed."""
    return connection.execute(sa.select(sa.literal(1)).where(*_outdated()).limit(1)).first() is not None


def forget_outdated(connection: Connection) -> None:
    """Forget those changes."""
    connection.execute(sa.delete(OWN_CHANGES).where(*_outdated()))


def _outdated() -> tuple[sa.ColumnElement[bool], ...]:
    return OWN_CHANGES.c.changed_at < time.time() - KEPT_SECONDS, OWN_CHANGES.c.lost_at.is_(None)


# ---- what was lost ----------------------------------------------------------------------------------------


def lost(connection: Connection, session_id: str | None = None) -> list[LostUpdate]:
    """Return what another program has overwritten, of one session or of all, the latest first."""
    found = [*_overwritten(connection, session_id), *_came_back(connection, session_id)]
    return sorted(found, key=lambda each: -each.lost_at)


def _overwritten(connection: Connection, session_id: str | None) -> Iterator[LostUpdate]:
    query, given = (_LOST, {}) if session_id is None else (_LOST_OF_ONE, {"of": session_id})
    for each_id, field, values, lost_at in connection.execute(query, given):
        ours = values["after"]
        meaning = values.get("meaning") or f"{_named(field, ours)} was {lost_words.OVERWRITTEN}"
        yield LostUpdate(each_id, field, ours, values.get("theirs"), lost_at, meaning)


def _named(field: str, value: Any) -> str:
    if field == "title":
        return f'your title "{mask(value)}"'
    names = {
        "pinned": ("your pin", "your unpinning"),
        "archived": ("your archiving", "your unarchiving"),
        "project_id": ("your move to a project", "your move out of its project"),
    }
    return names[field][0 if value else 1]


def _came_back(connection: Connection, session_id: str | None) -> Iterator[LostUpdate]:
    query, given = (_CAME_BACK, {}) if session_id is None else (_CAME_BACK_OF_ONE, {"of": session_id})
    meaning = "you deleted it, and another program wrote it again: it is in the list and in the trash"
    done = time.time_ns() - DELETING_NS
    for each_id, deleted_at, mtime_ns in connection.execute(query, {**given, "done": done}):
        written_at = max(deleted_at, mtime_ns) / 1e9  # a copy may keep the time of what was deleted
        yield LostUpdate(each_id, "deleted", deleted_at / 1e9, None, written_at, meaning)


def warnings(connection: Connection) -> tuple[str, ...]:
    """Return what lists say of it."""
    return tuple(each.warning for each in lost_words.notices(lost(connection)))
