"""Whether the change of a session's row can show: in a list, a search or an open conversation.

Pure functions over the values of rows. What does not show gives the index no new version, so that clients
need not load their lists again: the web UI saves what its composer holds every half second.
"""

import json
from collections.abc import Mapping
from typing import Any

from ..fields import COMPOSED
from ..model import Signature

Values = Mapping[str, Any]

# Where the parts of a file lie: only their sizes say whether they changed.
_PARTS = (("transcript_start", "transcript_end"), ("tool_calls_start", "tool_calls_end"))
_UNSEEN = {*Signature._fields, *(name for part in _PARTS for name in part), "marks", "draft", "other"}


def shows(before: Values | None, after: Values) -> bool:
    """Whether anybody could see the difference between two rows of a session; None is no row.

    If not even what the composer holds differs, the file is another one, as in a copy of the home: whoever
    keeps something of it should compare again.
    """
    if before is None or (before["other"] == after["other"] and before["size"] == after["size"]):
        return True
    return (
        any(before[name] != value for name, value in after.items() if name not in _UNSEEN)
        or any(_size(before, *part) != _size(after, *part) for part in _PARTS)
        or _shown_of(before["other"]) != _shown_of(after["other"])
    )


def _size(row: Values, start: str, end: str) -> int:
    """Return how many bytes a list has between its brackets: none if it is missing, as in a draft."""
    return 0 if row[start] is None else max(0, row[end] - row[start] - 2)


def _shown_of(other: Values) -> str:
    """Return metadata as text: in Python, 1 equals true."""
    return json.dumps({name: value for name, value in other.items() if name != COMPOSED})
