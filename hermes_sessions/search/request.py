"""What a caller searches for, checked: the query, where to search, and which sessions and messages match."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..errors import InvalidValue, SessionsError
from ..fields import check_bindable, check_choice, check_seconds, check_whole
from ..hits import MatchedIn, Scope
from ..results import Filters
from .conditions import KnownNames, has_words, narrowed
from .indexed_text import Feature, tool_key
from .language import Query, parse
from .long_queries import with_short_terms
from .tables import MessageFilter

SCOPES: Mapping[Scope, tuple[MatchedIn, ...]] = {
    "all": ("title", "content"),
    "title": ("title",),
    "content": ("content",),
}


class NotWanted(SessionsError):
    """Nobody waits for the answer to a search any more: `Searcher` ends it.

    Of the library's own errors, since any other makes a store look for damage.
    """


class SearchRequest(NamedTuple):
    """A checked request: the query, where it is searched, and which sessions and messages may match.

    `filters` have no times: those are of the `messages`. `warnings` say why nothing can match. `passages` is
    how many messages of each conversation are wanted, beside the best one that each hit has. `is_wanted` is
    asked between the steps of a search whether somebody still waits for its answer. `wait` is for how many
    seconds the search waits for messages that are not indexed yet.
    """

    query: Query
    searched_in: tuple[MatchedIn, ...]
    filters: Filters
    messages: MessageFilter
    warnings: tuple[str, ...] = ()
    passages: int = 0
    is_wanted: Callable[[], bool] = lambda: True
    wait: float = 0.0

    def check_wanted(self) -> None:
        """Raise `NotWanted` if nobody waits for the answer."""
        if not self.is_wanted():
            raise NotWanted

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked, so that nothing is found."""
        return self.query == Query(())

    @property
    def is_list(self) -> bool:
        """Whether a list answers it: it has no words, and no single message has to fulfil anything."""
        return not (has_words(self.query) or self.messages.is_of_messages)

    @property
    def list_filters(self) -> Filters:
        """The filters of a list, in which the times are those of the last activity."""
        return replace(self.filters, since=self.messages.since, until=self.messages.until)


def search_request(text: object, scope: Scope, filters: Filters, messages: MessageFilter) -> SearchRequest:
    """Return a request; raise `InvalidValue` if the text or the scope is not valid."""
    check_choice("scope", scope, SCOPES)
    if not isinstance(text, str):
        raise InvalidValue("text must be text")
    query = with_short_terms(parse(text, time.time()))
    return SearchRequest(query, SCOPES[scope], filters, messages)


def narrow(request: SearchRequest, known: KnownNames) -> SearchRequest:
    """Return a request with the operators of its query among its filters."""
    found = narrowed(request.query.conditions, request.list_filters, known)
    role, since, until, tools, has = found.messages
    messages = request.messages._replace(
        role=role or request.messages.role,
        since=since,
        until=until,
        tools=tuple(dict.fromkeys(map(tool_key, tools))),
        features=sum(Feature[each.upper()] for each in has),
    )
    return request._replace(filters=found.filters, messages=messages, warnings=found.warnings)


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
