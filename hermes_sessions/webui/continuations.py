"""Which session continues one that the web UI set aside when it compressed the conversation.

Pure functions over summaries.
"""

from collections import defaultdict
from collections.abc import Iterable

from ..model import Metadata, Summary

SNAPSHOT = "pre_compression_snapshot"  # a key of the file: true if the session was set aside


def is_snapshot(session: Metadata) -> bool:
    """Whether the web UI set a session aside when it compressed the conversation."""
    return bool(session.extra.get(SNAPSHOT))


def newest_continuation(session: Metadata, children: Iterable[Summary]) -> str | None:
    """Return the id of the latest session that continues this one, None if it was not set aside.

    `children` are the sessions that have a parent. One that was set aside as well leads on to its own
    children. A session of another profile never continues this one.
    """
    if not is_snapshot(session):
        return None
    by_parent: dict[str, list[Summary]] = defaultdict(list)
    for child in children:
        if child.parent_session_id and child.profile == session.profile:
            by_parent[child.parent_session_id].append(child)
    reached, seen, continuing = [session.session_id], {session.session_id}, list[Summary]()
    while reached:
        for child in by_parent[reached.pop()]:
            if child.session_id not in seen:
                seen.add(child.session_id)
                reached += [child.session_id] if is_snapshot(child) else []
                continuing += [] if is_snapshot(child) else [child]
    newest = max(continuing, key=lambda each: (each.updated_at, each.session_id), default=None)
    return None if newest is None else newest.session_id
