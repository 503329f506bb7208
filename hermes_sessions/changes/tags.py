"""The tags of conversations: `tags.json` changed under its lock, replaced atomically, then the index."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Engine

from .. import locks
from ..config import Config
from ..errors import InvalidValue, Unreadable
from ..index import database, tag_sync, tags
from ..model import Summary
from ..sidecars import tags as tags_file
from ..tag_names import MOST_TAGS, read_tag, tag_key, title_tags, unique
from .retry import retry_conflicts
from .store import after_the_file

Names = Mapping[str, Sequence[str]]


class TagTarget(NamedTuple):
    """A conversation to tag: all ids whose tags it has, its own first, and its title."""

    ids: Sequence[str]
    title: str


class TagChange(NamedTuple):
    """Which tags to add, by their names, and which to remove, by their keys."""

    add: Sequence[str] = ()
    remove: Collection[str] = ()


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
    names[target.ids[0]] += new
    return {each: found for each, found in names.items() if found != list(stored.get(each, ()))}


def _kept(names: Iterable[str], removed: Collection[str]) -> list[str]:
    """Return the names of a file but those of removed tags; what no tag can be is kept."""
    return [name for name in names if (read := read_tag(name)) is None or tag_key(read) not in removed]


def spellings(read: tags_file.TagsFile) -> Callable[[str], str]:
    """Return a function that spells a tag as a file does that has it, else as it is given."""
    known: dict[str, str] = {}
    for names in read.stored.values():
        for name in names:
            if (found := read_tag(name)) is not None:
                known.setdefault(tag_key(found), found)
    return lambda name: known.setdefault(tag_key(name), name)


# ---- changing the file ----------------------------------------------------------------------------------


class TagStore:
    """The tags of one home, in `tags.json` and in the index."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self._path, self._lock, self._engine = config.tags_file, config.tags_lock, engine

    def change(self, summary: Summary, change: TagChange) -> None:
        """Add and remove tags of a conversation.

        Raises `InvalidValue`, `Unreadable`, `Conflict`, `StorageError`.
        """
        target = self._target(summary)
        self._change(lambda read: changed_names(read.stored, target, change, spellings(read)))

    def _target(self, summary: Summary) -> TagTarget:
        if not summary.of_agent:
            return TagTarget(tags.held_ids(summary), summary.title)
        with database.reading(self._engine) as connection:
            ids = tags.segments_of_session(connection, summary.profile, summary.session_id)
        return TagTarget(ids, summary.title)

    @contextmanager
    def copied(self, origin: Summary, copy_id: str) -> Iterator[None]:
        """Give a copy of a session, which the block makes, its tags; take them back if that fails.

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
            if changed:
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
        with locks.file_lock(self._lock):
            return retry_conflicts(lambda: self._change_once(decide))

    def _change_once(self, decide: Callable[[tags_file.TagsFile], Mapping[str, list[str]]]) -> bool:
        read = tags_file.read(self._path)
        changed = decide(read)
        if not changed:
            return False
        with database.writing(self._engine):  # an index that cannot be written is noticed before the change
            pass
        version = tags_file.write(self._path, read, changed)
        found = {each: tags_file.tags_of(names) for each, names in changed.items()}
        with after_the_file("the tags were saved"):
            tag_sync.record(self._engine, self._path, read.version, version, found)
        return True


def _copied(read: tags_file.TagsFile, ids: Sequence[str], copy_id: str) -> dict[str, list[str]]:
    names = unique(name for each in ids for name in tags_file.tags_of(read.stored.get(each, [])))
    return {copy_id: names} if names else {}
