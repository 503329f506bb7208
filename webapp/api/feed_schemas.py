"""The shapes of answers about changes, and about the stream of events that names them."""

from typing import TypedDict


class SessionChanges(TypedDict):
    """The ids of sessions that lists show otherwise than before, and of those that no list shows.

    `token` names this moment. Unless `complete`, more may have changed, and the list is to be read again.
    """

    token: str
    changed: list[str]
    removed: list[str]
    complete: bool


class StreamStatus(TypedDict):
    """Whether a stream can be opened: `enabled` by the settings, and `watcher_running` with room for one.

    `fallback_poll_ms` is how often to ask for the list instead, in milliseconds.
    """

    ok: bool
    enabled: bool
    watcher_running: bool
    fallback_poll_ms: int
