"""Metadata about to be stored: checked, encoded once, and refused where a session must not be changed."""

from collections.abc import Collection, Mapping
from typing import Any

from ..errors import InvalidValue, ReadOnly
from ..fields import READ_AS, check_metadata, is_time
from ..model import Metadata
from ..sidecars import Outline, editing, reading

LARGEST = 1_000_000  # bytes of JSON of one value
FREE_IN_READ_ONLY = frozenset({"pinned", "archived", "project_id"})


def checked_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata in the form in which it is stored, a workspace as an absolute path.

    Raises `InvalidValue` for the first value that a field does not accept.
    """
    checked = check_metadata(values)
    if checked.get("workspace"):
        checked["workspace"] = reading.resolve_workspace(checked["workspace"])
    return checked


def encoded_metadata(values: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the JSON text of each value; raise `InvalidValue` for one without, or above a megabyte."""
    encoded = {name: editing.encode(value, name) for name, value in values.items()}
    for name, text in encoded.items():
        if len(text) > LARGEST:
            raise InvalidValue(f"{name} must be at most {LARGEST:,} bytes of JSON")
    return encoded


def refuse_read_only(session: Metadata, names: Collection[str], *, transcript: bool) -> None:
    """Raise `ReadOnly` if a session is marked read-only, and these fields or its transcript are not free."""
    if session.extra.get("read_only") is True and (transcript or not FREE_IN_READ_ONLY.issuperset(names)):
        raise ReadOnly(f"session {session.session_id} is read-only; duplicate it to change it")


def unstated_times(source: Outline, session: Metadata, names: Collection[str]) -> dict[str, float]:
    """Return what to note in a file of the times, other than `names`, that it does not state as numbers.

    They were taken from the file's modification time, which a write changes. A time that the file states in
    another way, such as in words, keeps its text: how it was read is noted under another key.
    """
    members = {member.key: member for member in source.members}
    unstated = {}
    for name, noted_as in READ_AS.items():
        if name in names:
            continue
        if name not in members:
            unstated[name] = getattr(session, name)
        elif noted_as not in session.extra and not is_time(source.value(members[name])):
            unstated[noted_as] = getattr(session, name)
    return unstated
