"""The change feed: which conversations lists show otherwise than at an earlier time, named by a token."""

import hashlib
import re

from ..feed import Changes
from . import change_log
from .change_log import Position
from .conversations import listed_ids
from .freshness import CurrentIndex
from .list_queries import View

_TOKEN = re.compile(
    r"(?P<index>[0-9a-z]{1,32})-(?P<number>[0-9]{1,9})-(?P<stamp>[0-9a-f]{1,16})-(?P<view>[0-9a-f]{8})"
)


def changes(index: CurrentIndex, view: View, since: str | None) -> Changes:
    """Return what changed after the token `since`.

    Not `complete` without a token, and for one of another index or view, or from before the log begins.
    """
    store_id = index.version.rpartition("-")[0]
    token = _token(store_id, change_log.newest(index.connection), view)  # before the ids: none is missed
    ids = None
    if since is not None and (position := _position(since, store_id, view)):
        ids = change_log.ids_after(index.connection, position)
    if ids is None:
        return Changes(token, (), (), complete=False)
    listed = listed_ids(index.connection, ids)
    changed = tuple(each for each in ids if each in listed)
    return Changes(token, changed, tuple(each for each in ids if each not in listed), complete=True)


def _token(store_id: str, position: Position, view: View) -> str:
    return f"{store_id}-{position.number}-{position.stamp:x}-{_digest(view)}"


def _position(token: str, store_id: str, view: View) -> Position | None:
    """Return the position of a token, None for one of another index or view, and for what is no token."""
    match = _TOKEN.fullmatch(token)
    if match is None or (match["index"], match["view"]) != (store_id, _digest(view)):
        return None
    return Position(int(match["number"]), int(match["stamp"], 16))


def _digest(view: View) -> str:
    """Return a short text for what lists show from outside the index, such as the last workspace."""
    shown = f"{view.profile}\0{view.workspace}"
    return hashlib.blake2s(shown.encode("utf-8", "replace"), digest_size=4).hexdigest()
