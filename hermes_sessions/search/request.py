"""What a caller searches for, checked: the query, where to search, and which sessions and messages match."""

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import InvalidValue
from ..fields import check_bindable, check_choice, check_seconds, check_whole
from ..results import Filters, MatchedIn, Scope
from .query import Query, parse
from .tables import MessageFilter

SCOPES: Mapping[Scope, tuple[MatchedIn, ...]] = {
    "all": ("title", "content"),
    "title": ("title",),
    "content": ("content",),
}


class SearchRequest(NamedTuple):
    """A checked request: the query, where it is searched, and which sessions and messages may match."""

    query: Query
    searched_in: tuple[MatchedIn, ...]
    filters: Filters
    messages: MessageFilter

    @property
    def is_empty(self) -> bool:
        """Whether the query has no term that must occur, so that nothing is found."""
        return not self.query.required


def search_request(text: object, scope: Scope, filters: Filters, messages: MessageFilter) -> SearchRequest:
    """Return a request; raise `InvalidValue` if the text or the scope is not valid."""
    check_choice("scope", scope, SCOPES)
    if not isinstance(text, str):
        raise InvalidValue("text must be text")
    return SearchRequest(parse(text), SCOPES[scope], filters, messages)


def message_filter(role: object, since: object, until: object, depth: object) -> MessageFilter:
    """Return which messages may match; raise `InvalidValue`.

    Times are seconds since the epoch. A `depth` of 0 is no limit, like None.
    """
    return MessageFilter(
        None if role is None else check_bindable("role", role),
        None if since is None else check_seconds("since", since),
        None if until is None else check_seconds("until", until),
        None if depth is None else check_whole("depth", depth) or None,
    )
