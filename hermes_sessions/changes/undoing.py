"""Changes of one session that can be undone as a whole: closed turns, restored versions, what was put back.

Such a change replaces or moves files of a session, notes what it does to the transcript, and settles what is
known of lost changes. Before it, each file gets a second name in the folder `undo`. A note says which files
the change touched, what each was, and which version it left. An undo brings all of that back, or refuses.
"""

import errno
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .. import files, modes
from ..errors import Conflict, NotFound, SessionsError, StorageError, Unconfirmed, Unreadable, storing
from ..fields import check_id
from ..index import Indexed, database, own_changes, rows, sync
from ..model import FileChange, Signature
from ..sidecars import backups, folder, journal, reading, signature, trash
from .store import Store, after_the_file
from .undo_notes import UndoNotes

ENDING = ".kept"  # of the second names: <id>.<nanoseconds since the epoch>.<number>.kept
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class _Touched(NamedTuple):
    """A file that a change touched: the name under which it is kept, and its versions before and after.

    None stands for no file.
    """

    folder: str
    name: str
    kept: str | None
    had: Signature | None
    left: Signature | None


class _Note(NamedTuple):
    """What a change touched, what was known before of the session's changes, and when, in ns."""

    at: int
    touched: Sequence[_Touched]
    own: Sequence[Mapping[str, Any]]


class _Kept(NamedTuple):
    """The second name of a file, and its version."""

    path: Path
    version: Signature


class _Before(NamedTuple):
    """What a session was before a change: when, in ns, its files, and what was known of its changes."""

    at: int
    kept: dict[Path, _Kept]
    own: list[dict[str, Any]]


# ---- before and after a change --------------------------------------------------------------------------


@contextmanager
def undoable(store: Store, session_id: str, replaced: Signature | None) -> Iterator[None]:
    """Keep what the block changes of a session, whose lock the caller holds.

    `replaced` is the version of its file that the block replaces: another one raises `Conflict`. Raises
    `StorageError` on entering if it cannot be kept. Where no file is replaced a full disk stops nothing, and
    the change cannot be undone.
    """
    before = _before(store, session_id, replaced)
    with store.watching(session_id) as written:
        try:
            yield
        finally:  # an error may come after the change of the file
            if before is not None:
                _end(store, session_id, before, written[-1] if written else None)


def _end(store: Store, session_id: str, before: _Before, left: Signature | None) -> None:
    """Note a change that left a version of the session's file; without one, nothing was changed."""
    if left is not None:
        with suppress(StorageError):  # the change was made: without a note it cannot be undone
            _note(store, session_id, before, left)
            return
    _discard(before.kept.values())


def _before(store: Store, session_id: str, replaced: Signature | None) -> _Before | None:
    """Keep the files of a session, None if they cannot be kept and none is replaced."""
    before = _Before(time.time_ns(), {}, [])
    try:
        _keep(store, session_id, before)
        own = before.kept.get(store.path_of(session_id))
        if (own.version if own else None) != replaced:
            raise Conflict(f"session {session_id} was changed by another program; nothing was saved")
        with database.reading(store.engine) as connection:
            before.own.extend(own_changes.stored(connection, session_id))
    except SessionsError as error:
        _discard(before.kept.values())
        if replaced is not None or not isinstance(error, StorageError):
            raise
        return None
    return before


def _keep(store: Store, session_id: str, before: _Before) -> None:
    folder = store.config.undo_dir
    with storing(f"cannot keep what session {session_id} was"):
        modes.make_own_folder(folder)
        for number, path in enumerate(_files(store, session_id)):
            name = folder / f"{session_id}.{before.at}.{number}{ENDING}"
            with suppress(FileNotFoundError):  # another program has just removed it
                before.kept[path] = _Kept(name, backups.second_name(path, name))


def _files(store: Store, session_id: str) -> list[Path]:
    """Return the files of a session that exist, but its journal: itself, its backups, and its trash."""
    place = store.path_of(session_id)
    folders = (store.backups_dir, store.trash_dir)
    entries = [entry for folder in folders for entry in trash.entries(folder)]
    own = [place, place.with_suffix(folder.WEB_UI_BACKUP)]
    return [each for each in own if each.exists()] + [e.path for e in entries if e.session_id == session_id]


def _note(store: Store, session_id: str, before: _Before, left: Signature) -> None:
    """Note what a change did, in the place of the note before; keep only what it touched.

    What another program wrote of the session since the change was made is not what the change left.
    """
    after = {path: signature(path) for path in _files(store, session_id)} | {store.path_of(session_id): left}
    had = {path: kept.version for path, kept in before.kept.items()}
    touched = [path for path in {**had, **after} if had.get(path) != after.get(path)]
    kept = {path: each.path.name for path, each in before.kept.items() if path in touched}
    told = [[path.parent.name, path.name, *(of.get(path) for of in (kept, had, after))] for path in touched]
    for name in kept.values():
        modes.tighten(store.config.undo_dir / name)
    _notes(store).keep("session", session_id, {"at": before.at, "files": told, "own": before.own})
    _drop_kept(store, session_id, kept.values())
    expire(store, time.time_ns() - trash.RETENTION_SECONDS * 10**9)


def _discard(kept: Iterable[_Kept]) -> None:
    for each in kept:
        _delete(each.path)


# ---- undoing --------------------------------------------------------------------------------------------


def change_to_undo(store: Store, session_id: str) -> str | None:
    """Return which change of a session `undo_change` would undo, None for none; raise `InvalidId`."""
    note = _read(store, check_id(session_id))
    return str(note.at) if note is not None and _is_kept(store, note) else None


def undo_change(store: Store, session_id: str, change: str | None) -> None:
    """Bring back all that a change replaced, as it was; None is the latest change.

    Whoever changed the session since would lose that: then nothing is undone. Raises `InvalidId`, `NotFound`,
    `Conflict`, `StorageError`.
    """
    with store.lock(check_id(session_id)):
        note = _read(store, session_id)
        if change is None and note is None:
            raise NotFound(f"no change of session {session_id} can be undone")
        if note is None or change not in (None, str(note.at)):
            raise NotFound(f"this change of session {session_id} cannot be undone any more")
        store.check_index()
        _check(store, session_id, note)
        steps = _Steps(store, session_id, note)
        with steps.taking_back:
            steps.take()
            row = _store(store, session_id, note, steps.versions)
            steps.taking_back.pop_all()
        with after_the_file(f"session {session_id} is as it was"):
            _tell(store, session_id, note, row)
            if steps.unconfirmed is None:
                forget(store, session_id)
        with storing(f"cannot undo the change of session {session_id}"):
            if steps.unconfirmed is not None:
                raise steps.unconfirmed


def _check(store: Store, session_id: str, note: _Note) -> None:
    """Raise `Conflict` unless every file is as the change left it, and every earlier one is kept.

    A file may also be as it was, brought back by an undo that was broken off: the session's own is the last
    of those. Of files beside it, one that the change left may be gone: it was purged.
    """
    place, paths = store.path_of(session_id), {_path(store, each): each for each in note.touched}
    own = paths.get(place)
    is_back = own is not None and _is_same(signature(place), own.had)
    for path, each in paths.items():
        present = signature(path)
        is_left = present == each.left if path == place else present is None or _is_same(present, each.left)
        if not ((is_left and not (is_back and each.had)) or _is_same(present, each.had)):
            raise _changed_since(session_id)
    if not _is_kept(store, note):
        raise Conflict(f"what session {session_id} was is not kept any more; nothing was undone")


def _is_same(version: Signature | None, had: Signature | None) -> bool:
    """Whether a file is what it was, or a copy of that, which has an inode of its own."""
    return version == had or (version is not None and had is not None and version[:2] == had[:2])


def _changed_since(session_id: str) -> Conflict:
    return Conflict(f"session {session_id} was changed since; nothing was undone")


def _is_kept(store: Store, note: _Note) -> bool:
    wanted = [each for each in note.touched if each.had is not None]
    return all(_is_same(signature(_kept_path(store, each)), each.had) for each in wanted)


class _Steps:
    """The steps that bring back the files, and take that back if one of them or what follows fails.

    The session's own file goes last. An undo that is killed can be done again. `versions` are those of the
    files that are back, by what they were, and `unconfirmed` says why a power failure may take one.
    """

    def __init__(self, store: Store, session_id: str, note: _Note) -> None:
        self._store, self._session_id, self._note = store, session_id, note
        self._place = store.path_of(session_id)
        self.taking_back = ExitStack()
        self.versions: dict[Signature, Signature] = {}
        self.unconfirmed: Unconfirmed | None = None

    def take(self) -> None:
        """Take all steps; raise `Conflict`, `StorageError`. The caller is in the context `taking_back`."""
        try:
            with storing(f"cannot undo the change of session {self._session_id}"):
                self._forget_in_journal()
                for each in sorted(self._note.touched, key=self._turn):
                    self._take(each)
        except (files.Changed, FileExistsError):
            raise _changed_since(self._session_id) from None

    def _turn(self, each: _Touched) -> tuple[bool, bool]:
        """Return what orders the steps: what is extra, what is to be brought back, the session's own file."""
        return _path(self._store, each) == self._place, each.had is not None

    def _forget_in_journal(self) -> None:
        path = journal.path_of(self._session_id, self._store.backups_dir)
        name = self._second_name(path)
        with self._confirming():
            journal.forget_since(self._session_id, self._store.backups_dir, self._note.at)
        if name is not None:
            self.taking_back.callback(_take_back, path, signature(path), name)

    def _take(self, each: _Touched) -> None:
        """Bring back or remove a file, unless an undo that was broken off did."""
        path = _path(self._store, each)
        present = signature(path)
        if each.had is None:
            if present is not None:
                self._remove(path, each)
        elif present is not None and _is_same(present, each.had):
            self.versions[each.had] = present
        else:
            self.versions[each.had] = self._write_back(path, each)

    def _remove(self, path: Path, each: _Touched) -> None:
        """Remove a file that was not there before the change."""
        name = self._second_name(path)
        if path != self._place:
            path.unlink(missing_ok=True)
        elif each.left is not None:
            with self._confirming():
                files.remove_version(path, each.left)
        self.taking_back.callback(_take_back, path, None, name)

    def _write_back(self, path: Path, each: _Touched) -> Signature:
        """Write a file that was kept to its place, over the version that the change left, and return it."""
        known = each.left if path == self._place else None
        name = None if known is None else self._second_name(path)
        with self._confirming():
            _copy(_kept_path(self._store, each), path, known)
        version = files.signature_of(path.stat())
        self.taking_back.callback(_take_back, path, version, name)
        return version

    def _second_name(self, path: Path) -> Path | None:
        """Give a file a second name, from which it can be taken back; return None if there is no file."""
        name = self._store.config.undo_dir / f"{self._session_id}.{time.time_ns()}.0{ENDING}"
        try:
            backups.second_name(path, name)
        except FileNotFoundError:
            return None
        self.taking_back.callback(_delete, name)
        return name

    @contextmanager
    def _confirming(self) -> Iterator[None]:
        """Go on after an error that comes after the step itself: the others make it whole."""
        try:
            yield
        except Unconfirmed as error:
            self.unconfirmed = error


def _take_back(path: Path, left: Signature | None, name: Path | None) -> None:
    """Give a file the version that has a second name, unless it is not any more what a step left."""
    with suppress(OSError, files.Changed):
        if name is not None:
            _put_in_place(name, path, left)
        elif files.signature_of(path.stat()) == left:
            path.unlink()


def _put_in_place(name: Path, path: Path, left: Signature | None) -> None:
    """Give a file its place again, which takes no room on a full disk unless it is kept on another one."""
    try:
        files.put_in_place(name, path, left)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(name, path, left)


def _copy(kept: Path, path: Path, known: Signature | None) -> None:
    """Copy a file, with its time, over the version `known` of another, or to a new place if that is None."""
    with files.opened(kept) as source:
        write = partial(backups.copy_with_time, source)
        _ = files.create(path, write) if known is None else files.replace_version(path, known, write)


def _delete(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _own(store: Store, session_id: str, note: _Note) -> _Touched | None:
    """Return what a note tells of the session's own file, None if the change did not touch it."""
    return next((each for each in note.touched if _path(store, each) == store.path_of(session_id)), None)


def _store(
    store: Store, session_id: str, note: _Note, versions: Mapping[Signature, Signature]
) -> Indexed | None:
    """Store and return the session's row for the files that are back, and what was known of its changes."""
    own, row = _own(store, session_id, note), None
    if own is not None and own.had is not None:
        summary, stored = reading.read_summary(_kept_path(store, own), session_id)
        row = Indexed(summary, stored._replace(signature=versions[own.had]), draft=False)
    with database.writing(store.engine) as connection:
        if row is not None:
            rows.put(connection, [row])
        elif own is not None:
            rows.drop(connection, [session_id], None)
        own_changes.bring_back(connection, session_id, note.own, versions)
    return row


def _tell(store: Store, session_id: str, note: _Note, row: Indexed | None) -> None:
    """Read the trash again if the undo changed it, and tell whoever follows the session's file."""
    if any(each.folder == store.trash_dir.name for each in note.touched):
        sync.read_trash_again(store.engine, store.trash_dir)
    if (own := _own(store, session_id, note)) is not None:
        title, now = (row.summary.title, row.stored.signature) if row else ("", None)
        store.notify(FileChange(session_id, title, own.left, now, None))


# ---- the notes ------------------------------------------------------------------------------------------


def _notes(store: Store) -> UndoNotes:
    return UndoNotes(store.config.undo_dir)


def _read(store: Store, session_id: str) -> _Note | None:
    """Return the note about a session, None without one, or for what is no such note."""
    try:
        note = _notes(store).read("session", session_id)
        touched = [_touched(store, session_id, *each) for each in note["files"]]
        return _Note(int(note["at"]), touched, own_changes.checked(session_id, note["own"]))
    except (NotFound, Unreadable, KeyError, TypeError, ValueError, OverflowError):
        return None


def _touched(store: Store, session_id: str, folder: str, name: str, *rest: Any) -> _Touched:
    """Return what a note tells of a file; raise `ValueError`, `TypeError` for a file of anything else."""
    kept, had, left = rest
    named = (name, *([] if had is None else [kept]))
    if folder not in _folders(store) or not all(_NAME.fullmatch(each) for each in named):
        raise ValueError("not in a folder of sessions")
    if not all(each.startswith(f"{session_id}.") for each in named):
        raise ValueError("of another session")
    versions = (each if each is None else Signature(*map(int, each)) for each in (had, left))
    return _Touched(folder, name, None if had is None else kept, *versions)


def _folders(store: Store) -> dict[str, Path]:
    return {folder.name: folder for folder in (store.sessions_dir, store.backups_dir, store.trash_dir)}


def _path(store: Store, each: _Touched) -> Path:
    return _folders(store)[each.folder] / each.name


def _kept_path(store: Store, each: _Touched) -> Path:
    return store.config.undo_dir / str(each.kept)


def forget(store: Store, session_id: str) -> None:
    """Delete what is kept to undo a change of a session; raise `StorageError`."""
    _drop_kept(store, session_id)
    _notes(store).drop("session", session_id)


def _drop_kept(store: Store, session_id: str, needed: Collection[str] = ()) -> None:
    """Delete the second names of a session's files but those needed, also what a killed process left."""
    with storing(f"cannot delete what session {session_id} was"):
        for path in store.config.undo_dir.glob(f"{session_id}.*{ENDING}"):
            if path.name not in needed:
                path.unlink(missing_ok=True)


def expire(store: Store, time_ns: int) -> None:
    """Delete what was kept before a time (nanoseconds since the epoch)."""
    with storing("cannot delete what is kept to undo changes"):
        for path in store.config.undo_dir.glob(f"*{ENDING}"):
            kept_at = path.name.split(".")[1]
            if kept_at.isdecimal() and int(kept_at) < time_ns:
                path.unlink(missing_ok=True)
