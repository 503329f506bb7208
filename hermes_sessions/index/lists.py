"""Lists of conversations: pages of summaries or of list entries, their cursors, and how many match.

Runs portable SQL on a connection that the caller has from `database` or `freshness`.
"""

import base64
import json
import math
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection

from ..errors import InvalidValue
from ..fields import check_id, check_whole
from ..model import Summary
from ..results import Filters, Page
from . import row_values
from .freshness import CurrentIndex
from .list_queries import (
    ListRequest,
    View,
    count_query,
    entry_of,
    ids_query,
    models_query,
    page_query,
    summary_of,
)
from .row_values import Place

LARGEST_PAGE = 100_000
ROWS_AT_ONCE = 500  # of a whole list, in memory beside what is made of them
ANY_VIEW = View()
MOST_TOTALS = 100  # counts kept for one version of the index

Unless: TypeAlias = Callable[[str], bool]
Entries: TypeAlias = list[dict[str, Any]]
T = TypeVar("T")


def list_request(filters: Filters, view: View, limit: int | None, cursor: str | None) -> ListRequest:
    """Return the request for a part of a list.

    `limit` is the most items to return, None for all, and `cursor` the `next_cursor` of the page before.
    Raises `InvalidValue`.
    """
    if limit is not None:
        check_whole("limit", limit, 1, LARGEST_PAGE)
    return ListRequest(filters, view, None if cursor is None else _place(cursor), limit)


class Lists:
    """The lists of one home; it keeps the counts of the version of the index that was read last."""

    def __init__(self) -> None:
        self._totals: tuple[str, dict[tuple[Filters, str | None], int]] = ("", {})

    def summaries(
        self, index: CurrentIndex, request: ListRequest, unless: Unless | None = None
    ) -> Page[Summary]:
        """Return a page of summaries, an empty one if `unless(version)` is true for the index's version."""
        if unless is not None and unless(index.version):
            return Page.not_modified(index.version)
        found = read_summaries(index.connection, _with_one_more(request))
        items = found[: request.limit]
        next_cursor = _cursor(row_values.place_of(items[-1])) if len(items) < len(found) else None
        return self._page(index, request, items, next_cursor)

    def entries(
        self,
        index: CurrentIndex,
        request: ListRequest,
        unless: Unless | None,
        make: Callable[[Entries], T],
        active_streams: Collection[str],
    ) -> Page[T]:
        """Return a page of what `make` returns for the list entries, which it gets some hundred at a time.

        Empty if `unless(version)` is true for the index's version.
        """
        if unless is not None and unless(index.version):
            return Page.not_modified(index.version)
        blocks = read_entries(index.connection, _with_one_more(request), active_streams)
        items, next_cursor = _made(blocks, request.limit, make)
        return self._page(index, request, items, next_cursor)

    def _page(
        self, index: CurrentIndex, request: ListRequest, items: list[T], next_cursor: str | None
    ) -> Page[T]:
        warnings = index.warnings(agents=bool(request.filters.agent))
        total = self.count(index, request.filters, request.view)
        return Page(items, next_cursor, total, warnings, index.version)

    def count(self, index: CurrentIndex, filters: Filters, view: View = ANY_VIEW) -> int:
        """Return how many conversations match, counted once for each version of the index.

        Counting 20,000 rows takes a third of the time of a page of 50.
        """
        version, totals = self._totals
        if version != index.version or len(totals) >= MOST_TOTALS:
            totals = {}
            self._totals = (index.version, totals)
        counted = (filters, view.agents_of)
        if counted not in totals:
            totals[counted] = count(index.connection, filters, view)
        return totals[counted]


# ---- reading --------------------------------------------------------------------------------------------


def read_summaries(connection: Connection, request: ListRequest) -> list[Summary]:
    """Return the conversations of a part of a list."""
    return [summary_of(row) for row in connection.execute(*page_query(request)).all()]


def read_entries(
    connection: Connection, request: ListRequest, active_streams: Collection[str] = ()
) -> Iterator[Entries]:
    """Yield the list entries of a part of a list, some hundred at a time.

    They equal `Summary.as_dict(active_streams)`, and are made from rows in a third of the time.
    """
    with closing(connection.execute(*page_query(request))) as result:
        driver: Any = result.cursor  # its tuples cost a third of SQLAlchemy's rows; JSON in them is text
        while some := driver.fetchmany(ROWS_AT_ONCE):
            yield [entry_of(row, active_streams) for row in some]


def all_summaries(connection: Connection, filters: Filters) -> Iterator[Summary]:
    """Yield every conversation that matches in the order of lists, reading some hundred at a time."""
    place: Place | None = None
    while some := read_summaries(connection, ListRequest(filters, View(), place, ROWS_AT_ONCE)):
        yield from some
        place = row_values.place_of(some[-1])


def count(connection: Connection, filters: Filters, view: View = ANY_VIEW) -> int:
    """Return how many conversations match."""
    return int(connection.execute(*count_query(filters, view)).scalar_one())


def ids(connection: Connection, filters: Filters) -> list[str]:
    """Return the ids of the web UI's sessions that match; `hidden` includes drafts."""
    return list(connection.execute(*ids_query(filters)).scalars())


def models(connection: Connection) -> list[str]:
    """Return the models that conversations name, in no order."""
    return list(connection.execute(models_query()).scalars())


# ---- cursors --------------------------------------------------------------------------------------------


def _with_one_more(request: ListRequest) -> ListRequest:
    """Return the request for one item more, which tells whether the list goes on."""
    return request if request.limit is None else request._replace(limit=request.limit + 1)


def _made(
    blocks: Iterator[Entries], limit: int | None, make: Callable[[Entries], T]
) -> tuple[list[T], str | None]:
    """Return what `make` returns for the first `limit` entries, and the cursor if there are more."""
    made, place, more = [], Place(0, 0, ""), False
    for block in blocks:
        used = block[:limit]
        more = len(used) < len(block)
        if used:
            place = _place_of(used[-1])  # before `make`, which may change the entry
            made.append(make(used))
        limit = None if limit is None else limit - len(used)
    return made, _cursor(place) if more else None


def _place_of(entry: dict[str, Any]) -> Place:
    return Place(0 if entry["pinned"] else 1, -entry["last_message_at"], entry["session_id"])


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(cursor: str) -> Place:
    try:
        unpinned, age, session_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        place = Place(check_whole("cursor", unpinned, 0, 1), float(age), check_id(session_id))
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidValue("cursor must be the next_cursor of a page") from error
    if not math.isfinite(place.age):
        raise InvalidValue("cursor must be the next_cursor of a page")
    return place
