"""Lists of conversations: pages of summaries or of list entries, their cursors, and how many match.

Runs portable SQL on a connection that the caller has from `database` or `freshness`.
"""

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection

from ..fields import check_choice, check_whole
from ..model import Summary
from ..results import Facets, Filters, Page, Sort
from . import facets, row_values
from .freshness import CurrentIndex
from .list_queries import (
    ListRequest,
    View,
    count_query,
    entry_of,
    ids_query,
    page_query,
    summary_of,
    values_query,
)
from .orders import SORTS, AnyPlace, SortedPlace, cursor_of, place_of
from .row_values import Place

LARGEST_PAGE = 100_000
ROWS_AT_ONCE = 500  # of a whole list, in memory beside what is made of them
ANY_VIEW = View()
MOST_TOTALS = 100  # counts kept for one version of the index

Unless: TypeAlias = Callable[[str], bool]
Entries: TypeAlias = list[dict[str, Any]]
Row: TypeAlias = Any  # SQLAlchemy's, or the driver's own tuple
T = TypeVar("T")


def list_request(
    filters: Filters, view: View, limit: int | None, cursor: str | None, sort: Sort = "activity"
) -> ListRequest:
    """Return the request for a part of a list.

    `limit` is the most items to return, None for all, and `cursor` the `next_cursor` of the page before.
    Raises `InvalidValue`.
    """
    check_choice("sort", sort, SORTS)
    if limit is not None:
        check_whole("limit", limit, 1, LARGEST_PAGE)
    return ListRequest(filters, view, None if cursor is None else place_of(cursor, sort), limit, sort)


class Lists:
    """The lists of one home; it keeps the counts of the version of the index that was read last."""

    def __init__(self) -> None:
        self._totals: tuple[str, dict[tuple[Filters, str | None], int]] = ("", {})
        self._facets: tuple[str, dict[bool, Facets]] = ("", {})

    def summaries(
        self, index: CurrentIndex, request: ListRequest, unless: Unless | None = None
    ) -> Page[Summary]:
        """Return a page of summaries, an empty one if `unless(version)` is true for the index's version."""
        if unless is not None and unless(index.version):
            return Page.not_modified(index.version)
        with closing(_read_rows(index.connection, _with_one_more(request))) as rows:
            blocks, next_cursor = _made(rows, request, lambda used: list(map(summary_of, used)))
        return self._page(index, request, [each for block in blocks for each in block], next_cursor)

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
        with closing(_read_rows(index.connection, _with_one_more(request))) as blocks:
            items, next_cursor = _made(
                blocks, request, lambda rows: make([entry_of(row, active_streams) for row in rows])
            )
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

    def known_facets(self, version: str, agent: bool) -> Facets | None:
        """Return what `facets` counted for a version of the index, None if that is no longer known."""
        counted, known = self._facets
        return known.get(agent) if counted == version else None

    def facets(self, index: CurrentIndex, agent: bool) -> Facets:
        """Return how many conversations each filter leaves, counted once for each version of the index."""
        version, known = self._facets
        if version != index.version:
            known = {}
            self._facets = (index.version, known)
        if agent not in known:
            known[agent] = facets.read(index.connection, agent)
        return known[agent]


# ---- reading --------------------------------------------------------------------------------------------


def read_summaries(connection: Connection, request: ListRequest) -> list[Summary]:
    """Return the conversations of a part of a list."""
    with closing(_read_rows(connection, request)) as blocks:
        return [summary_of(row) for rows in blocks for row in rows]


def read_entries(
    connection: Connection, request: ListRequest, active_streams: Collection[str] = ()
) -> Iterator[Entries]:
    """Yield the list entries of a part of a list, some hundred at a time.

    They equal `Summary.as_dict(active_streams)`, and are made from rows in a third of the time.
    """
    for rows in _read_rows(connection, request):
        yield [entry_of(row, active_streams) for row in rows]


def _read_rows(connection: Connection, request: ListRequest) -> Generator[list[Row]]:
    with closing(connection.execute(*page_query(request, connection.dialect.name))) as result:
        driver: Any = result.cursor  # its tuples cost a third of SQLAlchemy's rows; JSON in them is text
        while some := driver.fetchmany(ROWS_AT_ONCE):
            yield some


def all_summaries(connection: Connection, filters: Filters) -> Iterator[Summary]:
    """Yield every conversation that matches in the order of lists, reading some hundred at a time."""
    place: Place | None = None
    while some := read_summaries(connection, ListRequest(filters, View(), place, ROWS_AT_ONCE)):
        yield from some
        place = row_values.place_of(some[-1])


def count(connection: Connection, filters: Filters, view: View = ANY_VIEW) -> int:
    """Return how many conversations match."""
    return int(connection.execute(*count_query(filters, view, connection.dialect.name)).scalar_one())


def ids(connection: Connection, filters: Filters) -> list[str]:
    """Return the ids of the web UI's sessions that match; `hidden` includes drafts."""
    return list(connection.execute(*ids_query(filters)).scalars())


def models(connection: Connection) -> list[str]:
    """Return the models that conversations name, in no order."""
    return list(connection.execute(values_query("model")).scalars())


def profiles(connection: Connection) -> list[str]:
    """Return the profiles that conversations have, in no order."""
    return list(connection.execute(values_query("profile")).scalars())


# ---- cursors --------------------------------------------------------------------------------------------


def _with_one_more(request: ListRequest) -> ListRequest:
    """Return the request for one item more, which tells whether the list goes on."""
    return request if request.limit is None else request._replace(limit=request.limit + 1)


def _made(
    blocks: Iterator[list[Row]], request: ListRequest, make: Callable[[list[Row]], T]
) -> tuple[list[T], str | None]:
    """Return what `make` returns for the first `limit` rows, and the cursor if there are more."""
    limit, made, last, more = request.limit, [], None, False
    for block in blocks:
        used = block[:limit]
        more = len(used) < len(block)
        if used:
            made.append(make(used))
            last = used[-1]
        limit = None if limit is None else limit - len(used)
    cursor = cursor_of(_place_of(last, request.sort)) if more and last is not None else None
    return made, cursor


def _place_of(row: Row, sort: Sort) -> AnyPlace:
    """Return the place of a row of a list, whose last columns are what it is sorted by."""
    session_id, unpinned, key = row[0], row[-2], row[-1]
    return Place(unpinned, key, session_id) if sort == "activity" else SortedPlace(sort, key, session_id)
