"""The orders of lists: what each sorts by, as SQL and as text, and the cursors between pages.

The usual order, by activity, comes out of an index. The others have one key, which ascends.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..errors import InvalidValue
from ..fields import check_id, check_whole
from ..results import Sort
from .row_values import Place

_UNKNOWN = 1.0  # the key of a cost that is not known: the others are minus the cost


KEYS: Mapping[Sort, Callable[[Any], sa.ColumnElement[Any]]] = {
    "created": lambda columns: -columns.created_at,
    "title": lambda columns: columns.title_key,
    "messages": lambda columns: -columns.message_count,
    "cost": lambda columns: sa.func.coalesce(-columns.estimated_cost, _UNKNOWN),
    "latest": lambda columns: columns.age,  # the usual order, without the pinned ones first
}
SORTS: tuple[Sort, ...] = ("activity", *KEYS)


class SortedPlace(NamedTuple):
    """The position of a conversation in a list that is not by activity; all fields ascend in its order."""

    sort: Sort
    key: str | float
    session_id: str


AnyPlace = Place | SortedPlace


def cursor_of(place: AnyPlace) -> str:
    """Return the text that continues a list after a place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def place_of(cursor: str, sort: Sort) -> AnyPlace:
    """Return the place that a cursor of a list in this order is about; raise `InvalidValue`."""
    try:
        first, key, session_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        place = _sorted_place(sort, first, key, session_id)
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidValue("cursor must be the next_cursor of a page in the same order") from error
    return place


def _sorted_place(sort: Sort, first: object, key: Any, session_id: object) -> AnyPlace:
    if sort == "activity":
        return Place(check_whole("cursor", first, 0, 1), _finite(key), check_id(session_id))
    if first != sort or isinstance(key, str) != (sort == "title"):
        raise ValueError(first)
    return SortedPlace(sort, _encodable(key) if isinstance(key, str) else _finite(key), check_id(session_id))


def _encodable(key: str) -> str:
    """Return a text that a database takes; raise `ValueError` for half a character."""
    key.encode()
    return key


def _finite(key: Any) -> float:
    number = float(key)
    if not math.isfinite(number):
        raise ValueError(number)
    return number
