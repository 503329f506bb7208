"""What the web UI's composer holds for a session and was not sent yet, as the web UI of August keeps it."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidValue
from ..fields import COMPOSED
from ..index import Indexed
from ..results import Composed
from ..sidecars import reading
from .change import change_metadata, opened_for
from .store import Store, checked_metadata

LONGEST_COMPOSED = 50_000  # characters, and files below, as in the web UI
MOST_FILES = 50


def read_composed(store: Store, session_id: str) -> Composed:
    """Return what the composer holds for a session; raise `NotFound`."""
    with store.lock(session_id):
        row = store.current(session_id)
    return _composed(_stored(store, row))


def save_composed(
    store: Store, session_id: str, text: str | None, attached: Sequence[Any] | None
) -> tuple[Composed, bool]:
    """Store what the composer holds, where it is given; return it, and whether it changed.

    What is too long is cut. Times stay as they are. Raises `NotFound`.
    """
    given = {
        "text": None if text is None else _checked_text(text)[:LONGEST_COMPOSED],
        "files": None if attached is None else _checked_files(attached)[:MOST_FILES],
    }
    sent = {name: value for name, value in given.items() if value is not None}
    return store.change(session_id, lambda row: _save(store, row, sent))


def _checked_text(text: object) -> str:
    if isinstance(text, str):
        return text
    raise InvalidValue("text must be text")


def _checked_files(attached: object) -> list[Any]:
    if isinstance(attached, list | tuple):
        return list(attached)
    raise InvalidValue("files must be a list")


def _save(store: Store, row: Indexed, sent: Mapping[str, Any]) -> tuple[Composed, bool]:
    before = _stored(store, row)
    after = {**before, **sent}
    if after != before and (before or any(after.values())):
        change_metadata(store, row, checked_metadata({COMPOSED: after}))
        return _composed(after), True
    return _composed(before), False


def _stored(store: Store, row: Indexed) -> dict[str, Any]:
    """Return what the file has, which the row lacks if it is large."""
    value = row.summary.extra.get(COMPOSED)
    if value is None and not row.draft:
        with opened_for(store, row, {COMPOSED}) as source:
            value = reading.value_of(source, COMPOSED)
    return value if isinstance(value, dict) else {}


def _composed(stored: Mapping[str, Any]) -> Composed:
    text, attached = stored.get("text"), stored.get("files")
    return Composed(text if isinstance(text, str) else "", attached if isinstance(attached, list) else [])
