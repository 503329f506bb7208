"""The trash as people see it: a conversation is one, with all its versions and segments, and there are pages.

Only the files of the page are read, but for a search, which reads every title once in the life of a process.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InvalidValue
from ..fields import check_text, check_whole
from ..results import Page, Trashed, TrashedSession
from . import trash
from .trash import TrashEntry

_CURSOR = re.compile(r"([0-9]{1,20})\.([A-Za-z0-9_-]{1,128})")


class _Group(NamedTuple):
    """What the trash has of one conversation, the latest first."""

    session_id: str
    entries: Sequence[TrashEntry]

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in the order of the trash: the latest first."""
        return -self.entries[0].deleted_at, self.session_id


def grouped(entries: Iterable[TrashEntry], segments: Callable[[TrashEntry], Collection[str]]) -> list[_Group]:
    """Return entries, the latest first, by conversation; a segment belongs to the one that holds it."""
    found, holders = list(entries), dict[str, str]()
    for entry in found:
        for segment in segments(entry):
            holders.setdefault(segment, entry.session_id)
    groups: dict[str, list[TrashEntry]] = {}
    for entry in found:
        groups.setdefault(holders.get(entry.session_id, entry.session_id), []).append(entry)
    return sorted((_Group(name, each) for name, each in groups.items()), key=lambda group: group.place)


def read_page(
    folder: Path, exists: Callable[[str], bool], text: str, limit: int | None, cursor: str | None
) -> Page[TrashedSession]:
    """Return a part of the trash; raise `InvalidValue` for an unreadable cursor, `StorageError`."""
    words = (check_text("text", text) or "").casefold().split()
    groups = grouped(trash.entries(folder), trash.segments)
    if words:
        groups = [each for each in groups if _has(each, words)]
    after = None if cursor is None else _place(cursor)
    rest = groups if after is None else [each for each in groups if each.place > after]
    shown = rest if limit is None else rest[: check_whole("limit", limit)]
    following = _cursor(shown[-1]) if len(shown) < len(rest) and shown else None
    return Page([_described(each, exists) for each in shown], following, len(groups))


def _has(group: _Group, words: Sequence[str]) -> bool:
    titles = (trash.describe(entry).title.casefold() for entry in group.entries)
    return any(all(word in title for word in words) for title in titles)


def _described(group: _Group, exists: Callable[[str], bool]) -> TrashedSession:
    versions: tuple[Trashed, ...] = tuple(map(trash.describe, group.entries))
    return TrashedSession(group.session_id, versions, exists(group.session_id))


def _cursor(group: _Group) -> str:
    return f"{group.entries[0].deleted_at}.{group.session_id}"


def _place(cursor: str) -> tuple[int, str]:
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise InvalidValue("cursor must be the next_cursor of a page of the trash")
    return -int(found[1]), found[2]
