"""A client of the change feed, which keeps lists up to date by it alone."""

from contextlib import suppress
from typing import Any

from hermes_sessions import Changes, Filters, NotFound, SessionRepository, Summary
from hermes_sessions.fields import COMPOSED

Entry = dict[str, Any]
LISTS = {
    "web UI": Filters(),
    "web UI, hidden": Filters(hidden=True),
    "all": Filters(agent=True, hidden=True),
    "agents": Filters(agent="only", hidden=True),
}


class Follower:
    """A client of the feed: `lists` are the entries of each list by id."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.lists: dict[str, dict[str, Entry]] = {}

    def follow(self, sessions: SessionRepository) -> Changes:
        """Bring the lists up to date."""
        changes = sessions.changes(self.token)
        self.token = changes.token
        if not changes.complete:
            self.lists = full_lists(sessions)
        for session_id in changes.removed:
            self._drop(session_id)
        for session_id in changes.changed:
            self._drop(session_id)
            with suppress(NotFound):  # deleted since: the next changes say so
                summary = sessions.summary(session_id)
                for name, filters in LISTS.items():
                    if shows(filters, summary):
                        self.lists[name][session_id] = entry(summary.as_dict())
        return changes

    def differences(self, sessions: SessionRepository) -> dict[tuple[str, str], Any]:
        """Return what the lists have otherwise than those of now, by list and id."""
        now = full_lists(sessions)
        return {
            (name, each): (entries.get(each), now[name].get(each))
            for name, entries in self.lists.items()
            for each in entries.keys() | now[name].keys()
            if entries.get(each) != now[name].get(each)
        }

    def _drop(self, session_id: str) -> None:
        for each in self.lists.values():
            each.pop(session_id, None)


def shows(filters: Filters, summary: Summary) -> bool:
    """Whether a list shows a conversation."""
    is_wanted = bool(filters.agent) if summary.of_agent else filters.agent != "only"
    return is_wanted and (filters.hidden or not summary.hidden)


def entry(listed: Entry) -> Entry:
    """Return a list entry as pages show it: without what the composer holds, which no version counts."""
    return {name: value for name, value in listed.items() if name != COMPOSED}


def full_lists(sessions: SessionRepository) -> dict[str, dict[str, Entry]]:
    """Return the entries of each list by id."""
    return {
        name: {each.session_id: entry(each.as_dict()) for each in sessions.list(filters)}
        for name, filters in LISTS.items()
    }
