"""Search: words, queries, full-text tables, ranking, and the indexing in the background."""

from . import ranking
from .ranking import Asked, Showing
from .sync import SearchSync
from .worker import SearchThread

__all__ = [
    "Asked",
    "SearchSync",
    "SearchThread",
    "Showing",
    "ranking",
]
