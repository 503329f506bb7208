"""Which messages of a session a page has: its last ones, or the first ones from an index on."""

from __future__ import annotations

from typing import NamedTuple

from .fields import check_whole


class MessageRange(NamedTuple):
    """The messages from index `after` on and before index `before`; None is the beginning, and the end.

    Of more than `limit` (None: all) it has the last ones, or the first ones if `after` is given.
    """

    before: int | None = None
    limit: int | None = None
    after: int | None = None

    def checked(self) -> MessageRange:
        """Return the range; raise `InvalidValue` unless each value is a whole number, at least 0, or None."""
        for name, value in self._asdict().items():
            if value is not None:
                check_whole(name, value)
        return self

    def bounds(self, total: int) -> tuple[int, int]:
        """Return the index of the first message and the index behind the last one, of so many in all."""
        start = min(self.after or 0, total)
        end = total if self.before is None else max(start, min(self.before, total))
        most = total if self.limit is None else self.limit
        return (max(start, end - most), end) if self.after is None else (start, min(start + most, end))
