"""Searches one home: brings its search index up to date, and answers from it and from the agents.

Imports the rest of the package when the index is first used: most commands open a home without searching it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine

from ..agent import Agents
from ..config import Config
from ..errors import Damaged, StorageError
from ..hits import Hits
from ..index import Progress, database
from ..model import FileChange
from ..results import Filters, Usage
from .worker import BackgroundIndexer

if TYPE_CHECKING:
    from .generations import SearchIndexes
    from .hits import HitOptions
    from .request import SearchRequest
    from .roster import Rosters
    from .sync import SearchIndex

T = TypeVar("T")
# How long a search that waits for the index does not ask whether it is still wanted, and how long it pauses
# while another process builds the index.
WAIT_SECONDS, PAUSE_SECONDS = 0.5, 0.02


class Searcher:
    """The search of one home, with its index and the thread that updates it. Thread-safe."""

    def __init__(self, config: Config, index: Engine, agents: Agents) -> None:
        self._config, self._index, self._agents = config, index, agents
        self._indexer = BackgroundIndexer(config, lambda: self._indexes)

    @cached_property
    def _rosters(self) -> Rosters:
        from .roster import Rosters

        return Rosters()

    @cached_property
    def _indexes(self) -> SearchIndexes:
        from .generations import SearchIndexes

        return SearchIndexes(self._config, self._index, self._agents)

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
            self._indexes.replace(error)
            return call()

    def _search(self, request: SearchRequest, options: HitOptions, offset: int, limit: int) -> Hits:
        from .request import NotWanted

        try:
            self._wait(request)
            return self._hits(request, options, offset, limit)
        except NotWanted:
            return Hits(warnings=("The search was not finished, because nobody waits for it any more.",))

    def _wait(self, request: SearchRequest) -> None:
        """Wait until nothing is missing, or for as long as was asked; raise `NotWanted`."""
        until = time.monotonic() + request.wait
        while (left := until - time.monotonic()) > 0 and self._lacks_messages():
            request.check_wanted()
            self._indexer.complete_within(min(left, WAIT_SECONDS))
            time.sleep(min(left, PAUSE_SECONDS))

    def _lacks_messages(self) -> bool:
        """Whether messages are missing that can still be indexed."""
        answering = self._indexes.answering()
        missing, problem = self._catch_up(answering)
        return missing > 0 and problem is None and not answering.are_all_unreadable(missing)

    def _hits(self, request: SearchRequest, options: HitOptions, offset: int, limit: int) -> Hits:
        from .hits import make_hits
        from .index_file import no_search_index
        from .run import SearchRun, Sources

        answering = self._indexes.answering()
        missing, problem = self._catch_up(answering)
        note = self._indexes.note_of(answering)
        if missing or note:
            self._indexer.complete()
        with ExitStack() as stack:
            index = stack.enter_context(database.reading(self._index))
            try:
                search_index = stack.enter_context(answering.reading())
            except Damaged:
                raise
            except StorageError as error:  # not readable: the agents are searched without it
                search_index = stack.enter_context(no_search_index())
                problem = f"Sessions of the web UI, and titles, cannot be searched: {error}"
            sources = Sources(index, search_index, self._agents, answering.stemmer, self._rosters)
            run = SearchRun(sources, request)
            page = run.page(offset, limit, options.view)
        problem = problem or self._indexer.problem
        request.check_wanted()
        hits, shown, unread = make_hits(page, options)
        warnings = (*filter(None, (note, problem)), *run.warnings, *_not_cited(unread))
        # A word that no hit shows may be a credential, or a part of one.
        corrections = tuple(each for each in run.corrections if each[1] in shown)
        return Hits(hits, missing, warnings, corrections, page.total)

    def tool_usage(self, filters: Filters) -> list[Usage]:
        """Return the calls of each tool, after indexing what is missing; raise `StorageError`."""
        self.complete()
        return self._on_sound_index(lambda: self._tool_usage(filters))

    def _tool_usage(self, filters: Filters) -> list[Usage]:
        from .tool_usage import ToolSources, tool_usage

        index, answering = database.reading(self._index), self._indexes.answering().reading()
        with index as sessions, answering as search_index:
            return tool_usage(ToolSources(sessions, search_index, self._agents, self._rosters), filters)

    def _catch_up(self, answering: SearchIndex) -> tuple[int, str | None]:
        """Return how many sessions a search index lacks, and why it could not be updated."""
        try:
            missing = answering.catch_up()  # reads files, and so comes before any transaction
        except Damaged:
            raise
        except StorageError as error:  # a full disk, or a lock: what is indexed is still found
            return 0, f"The search index cannot be updated: {error}"
        if not missing and answering is self._indexes.current:
            self._indexer.problem = None  # what the background met has passed
        return missing, None

    def complete(self, progress: Progress | None = None) -> int:
        """Index all that is missing now, and return how many sessions could not be read."""
        return self._on_sound_index(lambda: self._complete(progress))

    def _complete(self, progress: Progress | None) -> int:
        if self._config.search_file is None:  # as a search says
            return self._number_of_files()
        with self._indexer.building(self._teller(progress)):
            missing = self._indexes.complete(progress)
        self._indexes.answering().learn_agents_words()
        return missing

    def _teller(self, progress: Progress | None) -> Callable[[], None]:
        """Return what tells how far another process is that builds the index."""
        total = 0

        def tell() -> None:
            nonlocal total
            missing, _ = self._catch_up(self._indexes.current)
            total = max(total, missing)
            if progress and total:
                progress(total - missing, total)

        return tell

    def _number_of_files(self) -> int:
        from .plan import read_listed

        with database.reading(self._index) as index:
            return sum(each.signature is not None for each in read_listed(index).values())

    def check(self) -> None:
        """Read the whole search index; if it is corrupt, set it aside: the next search begins a new one."""
        self._indexes.check()

    def rebuild(self) -> None:
        """Forget every message, and index all of them again in the background."""
        if self._config.search_file is not None:
            self._on_sound_index(self._indexes.clear)
            self._indexer.complete()

    def close(self) -> None:
        """Stop the thread, and close every connection."""
        self._indexer.close()
        if "_indexes" in self.__dict__:
            self._indexes.close()


def _not_cited(unread: Sequence[str]) -> Iterator[str]:
    """Yield a warning if the messages of some results could not be read; the first reason is one of all."""
    if unread:
        which = "One result is" if len(unread) == 1 else f"{len(unread):,} results are"
        yield f"{which} shown without the passages that match: {unread[0]}"
