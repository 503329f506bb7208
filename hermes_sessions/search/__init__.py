"""Search: the query language, the search index and its updates, the order of results, and snippets."""

from typing import TYPE_CHECKING

from ..loading import load_on_use

if TYPE_CHECKING:
    from .hits import HitOptions
    from .request import SearchRequest, message_filter, search_request
    from .searcher import Searcher

__all__ = [
    "HitOptions",
    "SearchRequest",
    "Searcher",
    "message_filter",
    "search_request",
]

_NAMES = {
    "hits": "HitOptions",
    "request": "SearchRequest message_filter search_request",
    "searcher": "Searcher",
}
if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = load_on_use(__name__, _NAMES)
