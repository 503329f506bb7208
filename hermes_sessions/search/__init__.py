"""Search: words, queries, full-text tables, ranking, and the indexing in the background."""

from . import ranking
from .query import MATCH_END, MATCH_START
from .ranking import Asked, Showing
from .sync import SearchSync
from .words import searched
from .worker import SearchThread

__all__ = [
    "MATCH_END",
    "MATCH_START",
    "Asked",
    "SearchSync",
    "SearchThread",
    "Showing",
    "ranking",
    "searched",
]
