"""Search: the query language, the search index and its updates, the order of results, and snippets."""

from typing import TYPE_CHECKING

from ..loading import load_on_use

if TYPE_CHECKING:
    from .as_words import operators_as_words
    from .conditions import KnownNames, listed, reasons_for_none
    from .hits import HitOptions, listed_hits
    from .request import SearchRequest, message_filter, narrow, search_request
    from .searcher import Searcher
    from .suggested import suggest
    from .typed import TypedOperator, typed_operators

__all__ = [
    "HitOptions",
    "KnownNames",
    "SearchRequest",
    "Searcher",
    "TypedOperator",
    "listed",
    "listed_hits",
    "message_filter",
    "narrow",
    "operators_as_words",
    "reasons_for_none",
    "search_request",
    "suggest",
    "typed_operators",
]

_NAMES = {
    "as_words": "operators_as_words",
    "conditions": "KnownNames listed reasons_for_none",
    "hits": "HitOptions listed_hits",
    "request": "SearchRequest message_filter narrow search_request",
    "searcher": "Searcher",
    "suggested": "suggest",
    "typed": "TypedOperator typed_operators",
}
if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = load_on_use(__name__, _NAMES)
