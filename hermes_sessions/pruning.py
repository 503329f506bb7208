"""Which sessions a call about many is for, and the rule of `prune`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .errors import InvalidValue
from .fields import check_seconds, check_whole
from .model import Summary
from .results import Filters


def check_ids(session_ids: Iterable[str]) -> list[str]:
    """Return ids without repetitions; raise `InvalidValue` unless they are a list of texts."""
    if isinstance(session_ids, str | bytes | Mapping) or not isinstance(session_ids, Iterable):
        raise InvalidValue("give a list of ids, or Filters")
    ids = list(session_ids)
    if not all(isinstance(each, str) for each in ids):
        raise InvalidValue("give a list of ids, or Filters; an id is a text, such as summary.session_id")
    return list(dict.fromkeys(ids))


class PruneRule(NamedTuple):
    """Which of the sessions that filters select are deleted: none of these limits, None, is passed over.

    `before` is the time, in seconds since the epoch, before which they were last active; `fewer_than` a
    number of messages. Pinned ones are kept, and those that wait for an answer, unless asked for.
    """

    before: float | None
    fewer_than: int | None
    pinned: bool = False
    waiting: bool = False

    def applies(self, summary: Summary) -> bool:
        """Whether a session is deleted."""
        is_kept = (summary.pinned and not self.pinned) or (summary.waiting and not self.waiting)
        is_old = self.before is None or summary.last_message_at < self.before
        is_small = self.fewer_than is None or summary.message_count < self.fewer_than
        return not is_kept and is_old and is_small


def prune_rule(filters: Filters, older_than: float | None, fewer_than: int | None, now: float) -> PruneRule:
    """Return the rule of `prune`; raise `InvalidValue` for no rule at all."""
    if older_than is None and fewer_than is None and filters.matches_all:
        raise InvalidValue("say what to delete: older_than, fewer_than, or a filter such as archived=True")
    before = None if older_than is None else now - check_seconds("older_than", older_than)
    if fewer_than is not None:
        check_whole("fewer_than", fewer_than)
    return PruneRule(before, fewer_than, filters.pinned is True, filters.interrupted is True)
