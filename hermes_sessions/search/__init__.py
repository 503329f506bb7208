"""Search: the query language, the search index and its updates, the order of results, and snippets."""

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
