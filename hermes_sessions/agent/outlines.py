"""The ids, titles and parents of an agent's sessions as its indexes hold them, and where two outlines differ.

Each column is joined to one value, which SQLite makes faster than rows and Python compares without a loop:
for 21,600 sessions an outline takes 2 MB, and comparing two takes 3 ms, where comparing the rows takes 60.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

VALUE_END, ROW_END = b"\x1e", b"\x1f"

# An outline of more bytes (200,000 sessions) is not kept, and of more changed rows all are read.
KEPT_BYTES, MOST_CHANGED = 16_000_000, 500


class JoinedColumn(NamedTuple):
    """The values of one column that are not NULL: each with `VALUE_END` and its row, joined by `ROW_END`.

    `rows` is how many there are.
    """

    joined: bytes = b""
    rows: int = 0

    def is_plain(self) -> bool:
        """Whether no value contains the separator of rows."""
        return self.joined.count(ROW_END) == max(0, self.rows - 1)


class JoinedOutline(NamedTuple):
    """The ids, titles and parents of all sessions, and the names of the scheduled jobs, which title some."""

    ids: JoinedColumn
    titles: JoinedColumn
    parents: JoinedColumn
    job_names: Mapping[str, str]

    def fingerprint(self) -> str:
        """Return a digest that changes when a session is added, deleted, or gets another title or parent."""
        digest = blake2b(digest_size=16)
        for column in self.columns():
            digest.update(column.joined)
            digest.update(ROW_END)
        digest.update(json.dumps(self.job_names, sort_keys=True).encode() if self.job_names else b"")
        return digest.hexdigest()

    def columns(self) -> tuple[JoinedColumn, JoinedColumn, JoinedColumn]:
        """Return the three columns."""
        return self.ids, self.titles, self.parents


class KeptOutline(NamedTuple):
    """An outline with its fingerprint: what every mirror has that was stored with this fingerprint."""

    outline: JoinedOutline
    fingerprint: str


def to_keep(outline: JoinedOutline | None, fingerprint: str | None) -> KeptOutline | None:
    """Return what a scan keeps for the next one, None of an agent without an outline or with a huge one."""
    if outline is None or fingerprint is None:
        return None
    size = sum(len(column.joined) for column in outline.columns())
    return KeptOutline(outline, fingerprint) if size <= KEPT_BYTES else None


class OutlineChange(NamedTuple):
    """The rows that differ between two outlines, and the ids that rows had before and have no more."""

    rows: frozenset[int]
    lost_ids: frozenset[str]


def difference(before: JoinedOutline, after: JoinedOutline) -> OutlineChange | None:
    """Return where two outlines differ.

    None if the columns alone do not show it: for other names of jobs, many changes, or values that contain
    separators.
    """
    if before.job_names != after.job_names:
        return None
    try:
        lost, gained = _changed_values(before.ids, after.ids)
        values = lost | gained
        for old, new in ((before.titles, after.titles), (before.parents, after.parents)):
            values = values.union(*_changed_values(old, new))
        rows = frozenset(int(value.rpartition(VALUE_END)[2]) for value in values)
    except ValueError:  # also of a file in UTF-16, whose rows are no numbers in ASCII
        return None
    if len(rows) > MOST_CHANGED:
        return None
    return OutlineChange(
        rows, frozenset(each.rpartition(VALUE_END)[0].decode(errors="replace") for each in lost)
    )


def _changed_values(old: JoinedColumn, new: JoinedColumn) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Return the values, with their rows, that only the old column has, and those that only the new has."""
    if old == new:
        return frozenset(), frozenset()
    if not (old.is_plain() and new.is_plain()):
        raise ValueError("a value contains the separator of rows")
    before, after = (frozenset(each.split(ROW_END)) - {b""} for each in _differing(old.joined, new.joined))
    return before - after, after - before


def _differing(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Return two joined columns without the values that they both begin and end with."""
    start = old.rfind(ROW_END, 0, _common_length(old, new)) + 1
    old, new = old[start:], new[start:]
    end = old.find(ROW_END, len(old) - _common_length(old[::-1], new[::-1]))
    return (old, new) if end < 0 else (old[:end], new[: end - len(old)])


def _common_length(one: bytes, other: bytes) -> int:
    """Return how many bytes both begin with: by halves, since a loop over bytes takes 100 times as long."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
