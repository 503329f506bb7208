"""Edits of one sidecar: which bytes of its text to change, and the file written with all others unchanged.

Holds no lock and knows no database. Every write names the version that it replaces.
"""

import marshal
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, NamedTuple

from .. import files, json_text
from ..errors import Conflict, InvalidValue, Unreadable, storing
from ..fields import READ_AS, read_time
from ..files import Replaced
from ..messages import message_of_card
from ..model import FolderTimes, Metadata, Session, Stored
from . import backups, document, layout, marks, reading
from .document import Edit, Member, Span
from .layout import Read
from .outline import Outline, Written, outlined_as_known, stored_of, unreadable

COPY_BYTES = 1 << 20
LARGEST_METADATA = 1_000_000  # bytes of JSON of one value
_BEFORE_ITEM = b",\n    "
_LIST_KEYS = (b'"messages"', b'"tool_calls"')

# ---- outlines and edits -----------------------------------------------------------------------------------


@contextmanager
def opened(path: Path, known: Stored, count: int, keys: Collection[str]) -> Iterator[Outline]:
    """Outline a file in order to set `keys`, with its transcript unread; `Conflict` for another version.

    `count` is how many messages that version has.
    """
    with outlined_as_known(path, known, count) as source:
        if source is None:
            raise _changed(path.stem)
        with unreadable(path):
            members = _members_around(source.read, known, keys)
        yield source._replace(members=members)


def _members_around(read: Read, known: Stored, keys: Collection[str]) -> tuple[Member, ...]:
    transcript, size = known.transcript, known.signature.size
    if transcript is None:
        return document.members(read(0, size))
    start, end = transcript
    *before, messages = document.head_members(read(0, start))
    head = (*before, messages._replace(end=end))
    if {member.key for member in head}.issuperset(keys):
        return head
    return head + document.tail_members(read(end, size), end)


def set_keys(source: Outline, values: Mapping[str, bytes], removed: Collection[str] = ()) -> list[Edit]:
    """Return the edits that give each key its value in its place, new ones right before `messages`.

    The keys `removed`, for which the file was opened, are taken out.
    """
    closing = 0 if source.members else source.read(0, source.stored.signature.size).rindex(b"}")
    return document.set_keys(source.members, values, closing, removed)


def append(
    source: Outline,
    lists: Mapping[str, Sequence[Any]],
    values: Mapping[str, bytes],
    removed: Collection[str] = (),
) -> list[Edit]:
    """Return the edits that add to the ends of `lists`, set `values`, and take the keys `removed` out.

    Raises `Unreadable` if one of the lists is none.
    """
    edits, new_lists = [], {}
    for key, items in lists.items():
        texts = _item_texts(key, items)
        member = document.find(source.members, key)
        if member is None:
            new_lists[key] = document.array_of(texts)
        elif texts:
            edits.append(_extension(source, member, texts))
    return [*edits, *set_keys(source, {**new_lists, **values}, removed)]


def _item_texts(key: str, items: Sequence[Any]) -> list[bytes]:
    return [_item_text(key, index, item) for index, item in enumerate(items)]


def _item_text(key: str, index: int, item: Any) -> bytes:
    return json_text.encode(item, f"{key}[{index}]", depth=2)


def _extension(source: Outline, member: Member, texts: Sequence[bytes]) -> Edit:
    last = _end_of_items(source, member)
    if last is None:
        return Edit(member.value, member.end, document.array_of(texts))
    return Edit(last, last, b"".join(_BEFORE_ITEM + text for text in texts))


def _end_of_items(source: Outline, member: Member) -> int | None:
    """Return where the last item of a list ends, None for an empty list or null."""
    beginning = source.read(member.value, min(member.value + 4, member.end))
    if beginning == b"null":
        return None
    if not beginning.startswith(b"["):
        raise Unreadable(source.path, f"{member.key} is not a list")
    closing, start, text = member.end - 1, member.end - 1, b""
    while not text:  # programs write only a few bytes of space before `]`
        start = max(member.value, start - 64)
        text = source.read(start, closing).rstrip()
    last = start + len(text)
    return None if last == member.value + 1 else last


def rewrite(source: Outline, edits: Sequence[Edit], count: int, *, keep_in: Path | None = None) -> Written:
    """Apply `edits` to a file; raise `Conflict` if it is no longer the version that was outlined.

    `count` is how many messages it has then. With `keep_in` the old file stays, in that folder of backups.
    """
    path, version = source.path, source.stored.signature

    def put(write: files.Write) -> Replaced:
        try:
            if keep_in is None:
                return files.replace_version(path, version, write)
            with backups.keeping(path, version, keep_in) as keep:
                return files.replace_version(path, version, write, keep)
        except files.Changed:
            raise _changed(path.stem) from None

    return _write(path, source, edits, count, put)


def copy(source: Outline, edits: Sequence[Edit], count: int, path: Path) -> Written:
    """Write a file with `edits` as the new file `path`; raise `Conflict` if that exists."""
    return _write(path, source, edits, count, partial(_create, path))


def overwrite(source: Outline, text: bytes, count: int) -> Written:
    """Replace a file by another text; arguments and errors as of `rewrite`."""
    return rewrite(source, [Edit(0, source.stored.signature.size, text)], count)


def create(path: Path, text: bytes) -> Written:
    """Write a new session's file; raise `Conflict` if it exists."""
    survey = layout.survey_members(text, document.members(text))
    with storing(f"cannot save session {path.stem}"):
        done = _create(path, lambda file: file.write(text))
    return Written(stored_of(files.signature_of(done.stat), survey), _moved(done))


def _write(
    path: Path, source: Outline, edits: Sequence[Edit], count: int, put: Callable[[files.Write], Replaced]
) -> Written:
    edits = sorted(edits)
    bom = source.read(0, min(3, source.stored.signature.size)) == document.BOM
    if bom and not (edits and edits[0].start == 0):  # an edit of the whole file replaces the mark too
        edits = [Edit(0, 3, b""), *edits]  # or the web UI could not read the file
    with storing(f"cannot save session {path.stem}"):
        done = put(partial(_splice, source, edits))
    stored = _places_after(source.stored, edits, count)
    return Written(stored._replace(signature=files.signature_of(done.stat)), _moved(done))


def _moved(done: Replaced) -> FolderTimes:
    return FolderTimes(done.folder_before, done.folder_after)


def _places_after(known: Stored, edits: Sequence[Edit], count: int) -> Stored:
    """Return where messages and tool calls are after the edits; no marks if an edit adds such a list."""
    transcript, marked = known.transcript, known.marks
    places = dict(zip(_LIST_KEYS, (transcript, known.tool_calls), strict=True))
    unknown = [key for key, place in places.items() if place is None]
    for edit in edits:
        if transcript and transcript[0] <= edit.start < transcript[1]:
            marked = None if marked is None else _marks_after(marked, edit, transcript[0], count)
        elif unknown and any(key in edit.text for key in unknown):
            marked = None
    after = [document.moved(place, edits) if place else None for place in places.values()]
    return Stored(known.signature, after[0], None, after[1], marked)


def _marks_after(marked: bytes, edit: Edit, begin: int, count: int) -> bytes:
    """Return the marks after an edit of a transcript, or of its end, that leaves `count` messages."""
    distance = edit.start - begin
    kept = marks.before(marked, distance)
    if not edit.text:
        return kept
    # Items that are added begin with a comma, a whole list with its bracket.
    array = edit.text if edit.text.startswith(b"[") else b"[" + edit.text[1:] + b"]"
    spans = document.items(array, Span(0, len(array)))
    added = [Span(start + distance, end + distance) for start, end in spans]
    return marks.extended(kept, count - len(added), added)[0]


def _splice(source: Outline, edits: Sequence[Edit], file: IO[bytes]) -> None:
    size, at = source.stored.signature.size, 0
    for edit in (*edits, Edit(size, size, b"")):
        if edit.start < at:
            raise ValueError(f"edits overlap at byte {edit.start}")
        for start in range(at, edit.start, COPY_BYTES):
            file.write(source.read(start, min(start + COPY_BYTES, edit.start)))
        file.write(edit.text)
        at = edit.end


def _create(path: Path, write: files.Write) -> Replaced:
    try:
        return files.create(path, write)
    except FileExistsError:
        raise Conflict(f"session {path.stem} exists already") from None


def _changed(session_id: str) -> Conflict:
    return Conflict(f"session {session_id} was changed by another program; nothing was saved")


def encode(value: Any, name: str) -> bytes:
    """Return a value as the JSON text that a key of a sidecar has; raise `InvalidValue` that names `name`."""
    return json_text.encode(value, name, depth=1)


def encoded(values: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the JSON text of each value; raise `InvalidValue` for one without, or above a megabyte."""
    texts = {}
    for name, value in values.items():
        texts[name] = text = json_text.encode(value, name, depth=1)
        if len(text) > LARGEST_METADATA:
            raise InvalidValue(f"{name} must be at most {LARGEST_METADATA:,} bytes of JSON")
    return texts


def unstated_times(source: Outline, session: Metadata, names: Collection[str]) -> dict[str, float]:
    """Return what to note in a file of the times, other than `names`, that it does not state.

    They were taken from the file's modification time, which a write changes. A value that means no time, such
    as a word, keeps its text: how it was read is noted under another key.
    """
    unstated = {}
    for name, noted_as in READ_AS.items():
        if name in names:
            continue
        member = document.find(source.members, name)
        if member is None:
            unstated[name] = getattr(session, name)
        elif noted_as not in session.extra and read_time(source.value(member)) is None:
            unstated[noted_as] = getattr(session, name)
    return unstated


# ---- whole documents ------------------------------------------------------------------------------------


def new_text(session: Session) -> bytes:
    """Return a new file in the web UI's layout: metadata, `messages`, `tool_calls`, then the rest."""
    extra = session.extra.items()
    return document.new_document(
        [
            *((name, encode(value, name)) for name, value in session.metadata().items()),
            *((name, encode(value, name)) for name, value in extra if not _is_container(value)),
            ("message_count", encode(session.message_count, "message_count")),
            ("messages", document.array_of(_item_texts("messages", session.messages))),
            ("tool_calls", document.array_of(_item_texts("tool_calls", session.tool_calls))),
            *((name, encode(value, name)) for name, value in extra if _is_container(value)),
        ]
    )


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list)


def changed_keys(old: Session, new: Session) -> dict[str, Any]:
    """Return the metadata and other keys of `new` whose values differ from those of `old`."""
    before = old.metadata() | old.extra
    return {
        name: value
        for name, value in (new.metadata() | new.extra).items()
        if not _same(value, before.get(name, _ABSENT))
    }


_ABSENT = object()
_COMPARED_AT_ONCE = 64


def unchanged_messages(old: Session, new: Session) -> int:
    """Return how many messages at the beginning are the same JSON in both."""
    one, other = old.messages, new.messages
    shorter = min(len(one), len(other))
    first = sum(1 for _ in takewhile(bool, map(operator.is_, one, other)))
    for start in range(first, shorter, _COMPARED_AT_ONCE):
        end = min(start + _COMPARED_AT_ONCE, shorter)
        if not _same([*one[start:end]], [*other[start:end]]):
            return next(index for index in range(start, end) if not _same(one[index], other[index]))
    return shorter


def saved(
    source: Outline, old: Session, new: Session, unchanged: int, values: Mapping[str, bytes]
) -> list[Edit]:
    """Return the edits that set `values` and the transcript of `new`; unchanged messages keep their bytes.

    `unchanged` is how many of them are at the beginning, which is not read again.
    """
    lists: dict[str, bytes] = {}
    if not _same(new.tool_calls, old.tool_calls):
        _replaceable(source, "tool_calls")
        lists["tool_calls"] = document.array_of(_item_texts("tool_calls", new.tool_calls))
    if unchanged == len(old.messages) == len(new.messages):
        return set_keys(source, {**values, **lists})
    member = _replaceable(source, "messages")
    texts = _texts_after(source, old.messages, new.messages, unchanged)
    if member is None or not unchanged:
        lists["messages"] = document.array_of(texts)
        return set_keys(source, {**values, **lists})
    return [_end_replaced(source, member, unchanged, texts), *set_keys(source, {**values, **lists})]


def _replaceable(source: Outline, key: str) -> Member | None:
    """Return the member of a list, None if the file has none; raise `Unreadable` for anything but a list."""
    member = document.find(source.members, key)
    if member and not source.read(member.value, min(member.value + 4, member.end)).startswith(
        (b"[", b"null")
    ):
        raise Unreadable(source.path, f"{key} is not a list")
    return member


def _texts_after(
    source: Outline, old: Sequence[Any], new: Sequence[Any], start: int
) -> list[bytes | memoryview]:
    """Return the texts of the messages of `new` from an index on, those of the file where it has them."""
    texts = reading.texts_between(source, start, min(len(old), len(new)))
    is_old = [_same(one, other) for one, other in zip(old[start:], new[start:], strict=False)]
    kept = {start + at: text for at, (text, same) in enumerate(zip(texts, is_old, strict=True)) if same}
    return [
        kept[index] if index in kept else _item_text("messages", index, new[index])
        for index in range(start, len(new))
    ]


def _end_replaced(source: Outline, member: Member, kept: int, texts: Sequence[bytes | memoryview]) -> Edit:
    """Return the edit that puts these messages in the place of all but the first `kept`."""
    end = _end_of_items(source, member)
    if end is None:
        raise ValueError("a list without messages keeps none")
    start = end if kept == source.total else reading.end_of_message(source, kept - 1)
    return Edit(start, end, b"".join(_BEFORE_ITEM + text for text in texts))


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: unlike with `==`, 1 differs from true and 1.0, and NaN is NaN."""
    try:
        return marshal.dumps(one, 2) == marshal.dumps(other, 2)
    except ValueError:  # JSON has no such value; `encode` names it
        return False


def truncated(source: Outline, keep: int) -> list[Edit]:
    """Return the edit that keeps the first `keep` messages, or no edit if there are no more."""
    place = source.stored.transcript
    if place is None or keep >= source.total:
        return []
    if keep == 0:
        return [Edit(*place, b"[]")]
    end = _end_of_items(source, Member("messages", place[0], *place))
    return [Edit(reading.end_of_message(source, keep - 1), end or place[1], b"")]


class FirstItems(NamedTuple):
    """The first items of a list, and the list's text with them alone."""

    items: list[Any]
    text: bytes


def first_items(source: Outline, key: str, kept: Callable[[Sequence[Any]], int]) -> FirstItems | None:
    """Return the first items of a list, as many as `kept` returns for them; their bytes stay.

    None if the file has no list under this key, or all of its items stay.
    """
    member = document.find(source.members, key)
    text = source.read(member.value, member.end) if member else b""
    if not text.startswith(b"["):
        return None
    with unreadable(source.path):
        texts = document.item_texts(text, Span(0, len(text)))
    items = [source.decoded(each) for each in texts]
    count = kept(items)
    if count >= len(items):
        return None
    return FirstItems(items[:count], document.array_of(texts[:count]))


def kept_tool_calls(source: Outline, keep: int) -> dict[str, bytes]:
    """Return `tool_calls` without the calls of messages from index `keep` on, or nothing if all stay."""
    place = source.stored.tool_calls
    text = source.read(*place) if place else b""
    if not text.startswith(b"["):
        return {}
    with unreadable(source.path):
        texts = document.item_texts(text, Span(0, len(text)))
    kept = [each for each in texts if _belongs(source, each, keep)]
    return {} if len(kept) == len(texts) else {"tool_calls": document.array_of(kept)}


def _belongs(source: Outline, card: memoryview, keep: int) -> bool:
    index = message_of_card(source.decoded(card))
    return index is None or index < keep
