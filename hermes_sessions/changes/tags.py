"""The tags of conversations: `tags.json` changed under its lock, replaced atomically, then the index."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from ..config import Config
from ..errors import InvalidValue, SessionsError, Unreadable
from ..index import Progress, database, tag_sync, tags
from ..locks import TAGS_LOCK, HomeLocks
from ..messages import mask
from ..model import Summary
from ..results import BulkReport
from ..sidecars import tags as tags_file
from ..tag_names import MOST_TAGS, read_tag, tag_key, title_tags, unique
from .retry import retry_conflicts
from .store import after_the_file
from .undo_notes import UndoNotes

Names = Mapping[str, Sequence[str]]
TagNote = Mapping[str, tuple[Sequence[str], Sequence[str]]]  # the names of each id before a change and after
NOTED = 500  # conversations between two calls of `progress`


class TagTarget(NamedTuple):
    """A conversation to tag: all ids whose tags it has, its own first, and its title."""

    ids: Sequence[str]
    title: str


class TagChange(NamedTuple):
    """Which tags to add, by their names, and which to remove, by their keys.

    What is added comes before those tags that come after it in `order`; else it comes last.
    """

    add: Sequence[str] = ()
    remove: Collection[str] = ()
    order: Sequence[str] = ()


# ---- decisions ------------------------------------------------------------------------------------------


def check_removal(target: TagTarget, remove: Collection[str]) -> None:
    """Raise `InvalidValue` if a tag to be removed stands in the title."""
    for name in title_tags(target.title):
        if tag_key(name) in remove:
            raise InvalidValue(f"#{name} stands in the title; rename the conversation to remove it")


def changed_names(
    stored: Names, target: TagTarget, change: TagChange, spelling: Callable[[str], str]
) -> dict[str, list[str]]:
    """Return the new names of each id of a conversation whose names change; raise `InvalidValue`.

    `stored` are all names of the file, and `spelling(name)` is how a tag is spelt there. What is added is
    stored under the first id.
    """
    check_removal(target, change.remove)
    names = {each: _kept(stored.get(each, ()), change.remove) for each in target.ids}
    known = {tag_key(name) for each in target.ids for name in tags_file.tags_of(names[each])}
    new = [spelling(name) for name in change.add if tag_key(name) not in known]
    if new and len(known) + len(new) > MOST_TAGS:
        raise InvalidValue(f"a conversation can have at most {MOST_TAGS} tags beside those in its title")
    names[target.ids[0]] = _placed(names[target.ids[0]], new, change.order)
    return {each: found for each, found in names.items() if found != list(stored.get(each, ()))}


def changed_names_of_many(
    read: tags_file.TagsFile, targets: Mapping[str, TagTarget], change: TagChange, note: Callable[[int], None]
) -> tuple[dict[str, list[str]], BulkReport]:
    """Return the new names of several conversations, and which change; `note` gets how many are decided."""
    stored, spelling = dict(read.stored), spellings(read)
    changed: dict[str, list[str]] = {}
    done, failed = list[str](), dict[str, SessionsError]()
    for number, (session_id, target) in enumerate(targets.items()):
        try:
            names = changed_names(stored, target, change, spelling)
        except InvalidValue as error:
            failed[session_id] = error
        else:
            stored |= names  # two conversations can have a segment in common
            changed |= names
            done += [session_id] if names else []
        note(number)
    return changed, BulkReport.of(done, failed)


def replaced_names(read: tags_file.TagsFile, key: str, name: str | None) -> dict[str, list[str]]:
    """Return the new names of every id with a tag, which gets another name, or None for none."""
    found = {each: names for each, names in read.stored.items() if key in map(tag_key, _read(names))}
    return {each: _replaced(names, key, name) for each, names in found.items()}


def restored_names(read: tags_file.TagsFile, note: TagNote) -> dict[str, list[str]]:
    """Return the names of every id whose tags a change of one tag had changed, without that change.

    Other tags that were added or removed since stay so.
    """
    return {each: _restored(read.stored.get(each, []), *pair) for each, pair in note.items()}


def _restored(now: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str]:
    if list(now) == list(after):
        return list(before)
    kept = [name for name in now if name in before or name not in after]
    return kept + [name for name in before if name not in after and name not in kept]


def _read(names: Iterable[str]) -> list[str]:
    return [found for name in names if (found := read_tag(name)) is not None]


def _replaced(names: Iterable[str], key: str, name: str | None) -> list[str]:
    """Return names with another one in the place of a tag, once."""
    replaced: list[str] = []
    seen = False
    new_key = None if name is None else tag_key(name)
    for each in names:
        found = read_tag(each)
        if found is None or tag_key(found) not in (key, new_key):
            replaced.append(each)
        elif name is not None and not seen:
            replaced.append(name)
            seen = True
    return replaced


def removed_masked_names(stored: Names, changed: Names) -> list[str]:
    """Return the names in `stored` that no id has after a change, and that answers mask."""
    before = (name for each in changed for name in tags_file.tags_of(stored.get(each, ())))
    masked = {tag_key(name): name for name in before if mask(name) != name}
    if not masked:
        return []
    left = {tag_key(name) for names in {**stored, **changed}.values() for name in tags_file.tags_of(names)}
    return [name for key, name in masked.items() if key not in left]


def _placed(names: Sequence[str], new: Iterable[str], order: Sequence[str]) -> list[str]:
    """Return names with new ones, each in its place in `order`; at the end if it has none."""
    placed, places = list(names), {tag_key(name): place for place, name in enumerate(order)}
    for name in new:
        place = places.get(tag_key(name), len(places))
        later = (at for at, each in enumerate(placed) if places.get(tag_key(each), -1) > place)
        placed.insert(next(later, len(placed)), name)
    return placed


def _kept(names: Iterable[str], removed: Collection[str]) -> list[str]:
    """Return the names of a file but those of removed tags; what no tag can be is kept."""
    return [name for name in names if (read := read_tag(name)) is None or tag_key(read) not in removed]


def spellings_but(read: tags_file.TagsFile, key: str) -> Callable[[str], str]:
    """Return what `spellings` does, but for one tag, which gets the spelling that is given."""
    spell = spellings(read)
    return lambda name: name if tag_key(name) == key else spell(name)


def spellings(read: tags_file.TagsFile) -> Callable[[str], str]:
    """Return a function that gives a tag the spelling it has in the file, or leaves a new tag unchanged."""
    known: dict[str, str] = {}
    for names in read.stored.values():
        for name in names:
            if (found := read_tag(name)) is not None:
                known.setdefault(tag_key(found), found)
    return lambda name: known.setdefault(tag_key(name), name)


# ---- changing the file ----------------------------------------------------------------------------------


class TagStore:
    """The tags of one home, in `tags.json` and in the index."""

    def __init__(self, config: Config, engine: Engine, locks: HomeLocks) -> None:
        self._path, self._locks, self._engine = config.tags_file, locks, engine
        self._notes = UndoNotes(config.undo_dir)

    def change(self, summary: Summary, change: TagChange) -> Summary:
        """Add and remove tags of a conversation, and return it with those that it has then.

        Raises `InvalidValue`, `Unreadable`, `Conflict`, `StorageError`.
        """
        (target,) = self._targets([summary]).values()
        after: Names = {}

        def decide(read: tags_file.TagsFile) -> Mapping[str, list[str]]:
            nonlocal after
            changed = changed_names(read.stored, target, change, spellings(read))
            after = {**read.stored, **changed}
            self._note_masked(read, changed)
            return changed

        self._change(decide)
        names = (name for each in target.ids for name in tags_file.tags_of(after.get(each, ())))
        return replace(summary, tags=tuple(unique((*names, *title_tags(target.title)))))

    def change_many(
        self, summaries: Iterable[Summary], change: TagChange, progress: Progress | None, *, dry_run: bool
    ) -> BulkReport:
        """Add and remove tags of many conversations, all with one write; errors as of `change`."""
        targets = self._targets(summaries)
        report = BulkReport((), {})

        def note(number: int) -> None:
            if progress and number and number % NOTED == 0:
                progress(number, len(targets))

        def decide(read: tags_file.TagsFile) -> Mapping[str, list[str]]:
            nonlocal report
            changed, report = changed_names_of_many(read, targets, change, note)
            if dry_run:
                return {}
            self._note_masked(read, changed)
            return changed

        self._change(decide)
        if progress:
            progress(len(targets), len(targets))
        return report

    def replace(self, key: str, name: str | None) -> None:
        """Give a tag another name everywhere, or remove it; two tags of one name become one."""

        def decide(read: tags_file.TagsFile) -> Mapping[str, list[str]]:
            changed = replaced_names(read, key, name and spellings_but(read, key)(name))
            note = {each: (read.stored[each], names) for each, names in changed.items()}
            if note:
                self._notes.keep("tag", key, {"names": note})
                self._note_masked(read, changed)
            return changed

        self._change(decide)

    def restore(self, key: str) -> BulkReport:
        """Take back the latest `replace` of a tag; raise `NotFound` if there was none in 30 days."""
        note = _checked_note(self._notes.read("tag", key).get("names"), self._path)
        self._change(lambda read: restored_names(read, note))
        self._notes.drop("tag", key)
        return BulkReport(tuple(note))

    def removed_masked(self) -> list[str]:
        """Return the tags that no conversation has any more and of which answers show only a mask."""
        names = (note.get("name") for note in self._notes.all("masked-tag"))
        return [name for name in names if isinstance(name, str)]

    def _note_masked(self, read: tags_file.TagsFile, changed: Names) -> None:
        """Keep the names that `removed_masked` returns: whoever saw the mask can send only that back."""
        for name in removed_masked_names(read.stored, changed):
            self._notes.keep("masked-tag", tag_key(name), {"name": name})

    def _targets(self, summaries: Iterable[Summary]) -> dict[str, TagTarget]:
        targets: dict[str, TagTarget] = {}
        of_agents: dict[str, dict[str, Summary]] = defaultdict(dict)
        for each in summaries:
            targets[each.session_id] = TagTarget(tags.held_ids(each), each.title)
            if each.of_agent:
                of_agents[each.profile][each.session_id] = each
        with database.reading(self._engine) as connection:
            for profile, known in of_agents.items():
                for session_id, ids in tags.segments_of_sessions(connection, profile, known).items():
                    targets[session_id] = TagTarget([session_id, *ids], known[session_id].title)
        return targets

    @contextmanager
    def copied(self, origin: Summary, copy_id: str, is_made: Callable[[], bool]) -> Iterator[None]:
        """Give a copy of a session, which the block makes, its tags; take them back if it is not made.

        If the file cannot be read, a session without tags can be copied nevertheless.
        """
        try:
            changed = self._change(lambda read: _copied(read, tags.held_ids(origin), copy_id))
        except Unreadable:
            if set(origin.tags) != set(title_tags(origin.title)):
                raise
            changed = False
        try:
            yield
        except BaseException:
            if changed and not is_made():
                self.forget([copy_id])
            raise

    def forget(self, ids: Collection[str]) -> None:
        """Remove everything that the file has for these ids, which no conversation has any more."""
        self._change(lambda read: {each: [] for each in ids if each in read.stored})

    def has_any(self, ids: Collection[str]) -> bool:
        """Whether the file has something for one of these ids; False if it cannot be read."""
        try:
            return not tags_file.read(self._path).stored.keys().isdisjoint(ids)
        except Unreadable:
            return False

    def _change(self, decide: Callable[[tags_file.TagsFile], Mapping[str, list[str]]]) -> bool:
        """Store what `decide` returns for some ids, and return whether anything changed.

        It is called again if another program, which has no lock, replaced the file in between.
        """
        with self._locks.held(TAGS_LOCK):
            return retry_conflicts(lambda: self._change_once(decide))

    def _change_once(self, decide: Callable[[tags_file.TagsFile], Mapping[str, list[str]]]) -> bool:
        read = tags_file.read(self._path)
        changed = decide(read)
        if not changed:
            return False
        database.check_writable(self._engine)
        version = tags_file.write(self._path, read, changed)
        found = {each: tags_file.tags_of(names) for each, names in changed.items()}
        with after_the_file("the change of the tags was saved"):
            tag_sync.record(self._engine, self._path, read.version, version, found)
        return True


def _checked_note(names: object, path: Path) -> TagNote:
    if isinstance(names, dict) and all(map(_is_pair, names.values())):
        return {each: (before, after) for each, (before, after) in names.items()}
    raise Unreadable(path, "the note about the changed tag is damaged")


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(names, list) and all(isinstance(each, str) for each in names) for names in value)
    )


def _copied(read: tags_file.TagsFile, ids: Sequence[str], copy_id: str) -> dict[str, list[str]]:
    names = unique(name for each in ids for name in tags_file.tags_of(read.stored.get(each, [])))
    return {copy_id: names} if names else {}
