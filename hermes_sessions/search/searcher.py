"""Searches one home: brings its search index up to date, and answers from it and from the agents.

Imports the rest of the package when the index is first used: most commands open a home without searching it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine

from ..agent import Agents
from ..config import Config
from ..errors import Damaged
from ..index import Progress, database
from ..model import FileChange
from ..results import Hits
from .worker import BackgroundIndexer

if TYPE_CHECKING:
    from .hits import HitOptions
    from .request import SearchRequest
    from .sync import SearchIndex

T = TypeVar("T")


class Searcher:
    """The search of one home, with its index and the thread that updates it. Thread-safe."""

    def __init__(self, config: Config, index: Engine, agents: Agents) -> None:
        self._config, self._index, self._agents = config, index, agents
        self._indexer = BackgroundIndexer(config, lambda: self._search_index)

    @cached_property
    def _search_index(self) -> SearchIndex:
        from .sync import SearchIndex

        return SearchIndex(self._config, self._index)

    def start(self) -> None:
        """Start to index in the background what is missing."""
        self._indexer.start()

    @property
    def note(self) -> Callable[[FileChange], None]:
        """A function that takes one of our own writes, to be indexed in the background."""
        return self._indexer.note

    def search(self, request: SearchRequest, options: HitOptions, offset: int, limit: int) -> Hits:
        """Return at most `limit` hits, the first of them at `offset`; raise `StorageError`."""
        return self._on_sound_index(lambda: self._search(request, options, offset, limit))

    def _on_sound_index(self, call: Callable[[], T]) -> T:
        """Return what `call` returns; if the search index is corrupt, begin a new one and call again."""
        try:
            return call()
        except Damaged as error:
            if error.file != self._config.search_file.name:
                raise
            self._search_index.replace()
            return call()

    def _search(self, request: SearchRequest, options: HitOptions, offset: int, limit: int) -> Hits:
        from .hits import make_hits
        from .run import SearchRun

        missing = self._search_index.catch_up()  # reads files, and so comes before any transaction
        if missing:
            self._indexer.complete()
        else:
            self._indexer.problem = None  # what the background met has passed
        with database.reading(self._index) as index, self._search_index.reading() as search_index:
            run = SearchRun(index, search_index, self._agents, request)
            page = run.page(offset, limit, options.view)
        problem = self._indexer.problem
        return Hits(make_hits(page, options), missing, (*([problem] if problem else []), *run.warnings))

    def complete(self, progress: Progress | None = None) -> int:
        """Index all that is missing now, and return how many sessions could not be read."""
        return self._on_sound_index(lambda: self._search_index.complete(progress))

    def check(self) -> None:
        """Read the whole search index; if it is corrupt, set it aside: the next search begins a new one."""
        from .index_file import diagnose

        if diagnose(self._config.search_file) is not None:
            self._search_index.replace()

    def rebuild(self) -> None:
        """Forget every message, and index all of them again in the background."""
        self._on_sound_index(self._search_index.clear)
        self._indexer.complete()

    def close(self) -> None:
        """Stop the thread, and close every connection."""
        self._indexer.close()
        if "_search_index" in self.__dict__:
            self._search_index.close()
