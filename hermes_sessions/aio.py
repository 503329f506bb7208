"""The repository for asynchronous programs: the same calls with `await`, each in a thread.

async with aio.SessionRepository.open() as sessions:
    for each in await sessions.list(limit=50):
        print(each.title)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from . import changes as _changes
from .agent import Agent as _Agent
from .feed import Changes, Pause
from .repository import SessionRepository as _Sessions

if TYPE_CHECKING:
    from .config import Config
    from .results import Restriction

P = ParamSpec("P")
R = TypeVar("R")
_END = object()


class _Wrapper(Protocol):
    """An object whose calls are those of another one."""

    _wrapped: Any


class _ThreadedCall(Generic[P, R]):
    """A method that makes the call of the wrapped object in a thread."""

    def __init__(self, call: Callable[Concatenate[Any, P], R]) -> None:
        self._call = call
        self.__doc__ = call.__doc__

    def __get__(self, instance: _Wrapper, owner: type[_Wrapper]) -> Callable[P, Coroutine[Any, Any, R]]:
        return _in_thread(partial(self._call, instance._wrapped))


class _ThreadedSteps(Generic[P, R]):
    """A method that takes each item of the wrapped object's iterator in a thread."""

    def __init__(self, call: Callable[Concatenate[Any, P], Iterator[R]]) -> None:
        self._call = call
        self.__doc__ = call.__doc__

    def __get__(self, instance: _Wrapper, owner: type[_Wrapper]) -> Callable[P, AsyncIterator[R]]:
        call = partial(self._call, instance._wrapped)

        @wraps(self._call)
        async def steps(*args: P.args, **keywords: P.kwargs) -> AsyncIterator[R]:
            items = await asyncio.to_thread(call, *args, **keywords)
            while (item := await asyncio.to_thread(next, items, _END)) is not _END:
                yield item  # type: ignore[misc]  # not `_END`

        return steps


class _Opening:
    """A home that is being opened: to be awaited, or entered with `async with`."""

    def __init__(self, call: Callable[[], _Sessions]) -> None:
        self._call, self._lock = call, threading.Lock()
        self._made: _Sessions | None = None
        self._is_given_up = False

    def __await__(self) -> Generator[Any, Any, SessionRepository]:
        return self._opened().__await__()

    async def _opened(self) -> SessionRepository:
        try:
            self._sessions = SessionRepository(await asyncio.to_thread(self._make))
        except asyncio.CancelledError:
            self._give_up()
            raise
        return self._sessions

    def _make(self) -> _Sessions:
        made = self._call()
        with self._lock:
            self._made, is_given_up = made, self._is_given_up
        if is_given_up:
            made.close()
        return made

    def _give_up(self) -> None:
        """Close the home that nobody waits for any more, now or when it is open."""
        with self._lock:
            self._is_given_up, made = True, self._made
        if made is not None:
            made.close()

    async def __aenter__(self) -> SessionRepository:
        return await self._opened()

    async def __aexit__(self, *error: object) -> None:
        await self._sessions.close()


class _Opens(Generic[P]):
    """The call that opens a home."""

    def __init__(self, call: Callable[P, _Sessions]) -> None:
        self._call = call
        self.__doc__ = call.__doc__

    def __get__(self, instance: object, owner: type[object]) -> Callable[P, _Opening]:
        @wraps(self._call)
        def opens(*args: P.args, **keywords: P.kwargs) -> _Opening:
            return _Opening(partial(self._call, *args, **keywords))

        return opens


def _in_thread(call: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return a call that is made in a thread."""

    @wraps(call)
    async def called(*args: P.args, **keywords: P.kwargs) -> R:
        return await asyncio.to_thread(call, *args, **keywords)

    return called


class AsyncProjects:
    """The projects of a home."""

    def __init__(self, wrapped: _changes.Projects) -> None:
        self._wrapped = wrapped

    list = _ThreadedCall(_changes.Projects.list)
    find = _ThreadedCall(_changes.Projects.find)
    create = _ThreadedCall(_changes.Projects.create)
    rename = _ThreadedCall(_changes.Projects.rename)
    restore = _ThreadedCall(_changes.Projects.restore)
    delete = _ThreadedCall(_changes.Projects.delete)
    ensure_cron = _ThreadedCall(_changes.Projects.ensure_cron)
    check = _ThreadedCall(_changes.Projects.check)


class AsyncLostUpdates:
    """What another program has overwritten."""

    def __init__(self, wrapped: _changes.LostUpdates) -> None:
        self._wrapped = wrapped

    list = _ThreadedCall(_changes.LostUpdates.list)
    put_back = _ThreadedCall(_changes.LostUpdates.put_back)
    keep_theirs = _ThreadedCall(_changes.LostUpdates.keep_theirs)


class AsyncAgent:
    """The agent of the active profile."""

    def __init__(self, wrapped: _Agent) -> None:
        self._wrapped = wrapped

    sessions = _ThreadedCall(_Agent.sessions)
    conversation = _ThreadedCall(_Agent.conversation)
    messages = _ThreadedCall(_Agent.messages)
    lineage = _ThreadedCall(_Agent.lineage)
    delete = _ThreadedCall(_Agent.delete)

    @property
    def path(self) -> Path:
        """Where the agent's file is."""
        return self._wrapped.path


class SessionRepository:
    """Every conversation of one Hermes home, for asynchronous programs; `open` opens it.

    A call that is cancelled after its beginning goes on in its thread. `watch` keeps no thread.
    """

    def __init__(self, wrapped: _Sessions) -> None:
        self._wrapped = wrapped
        self.projects = AsyncProjects(wrapped.projects)
        self.lost = AsyncLostUpdates(wrapped.lost)

    @property
    def agent(self) -> AsyncAgent:
        """The agent of the active profile."""
        return AsyncAgent(self._wrapped.agent)

    @property
    def config(self) -> Config:
        """Where the files of the home are."""
        return self._wrapped.config

    @property
    def restriction(self) -> Restriction | None:
        """Why nothing can be changed, as of the other class."""
        return self._wrapped.restriction

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def watch(
        self, since: str | None = None, *, timeout: float | None = None
    ) -> AsyncIterator[Changes]:
        # Waits here: in a thread, a watch that is cancelled would keep it for ever, and some watches all.
        steps = await asyncio.to_thread(self._wrapped._watch_steps, since, timeout)
        while (step := await asyncio.to_thread(next, steps, None)) is not None:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                yield step

    watch.__doc__ = _Sessions.watch.__doc__

    open = _Opens(_Sessions.open)
    close = _ThreadedCall(_Sessions.close)
    verify_backup = staticmethod(_in_thread(_Sessions.verify_backup))
    agent_share = _ThreadedCall(_Sessions.agent_share)
    append = _ThreadedCall(_Sessions.append)
    backup = _ThreadedCall(_Sessions.backup)
    changes = _ThreadedCall(_Sessions.changes)
    check = _ThreadedCall(_Sessions.check)
    clear = _ThreadedCall(_Sessions.clear)
    complete_search = _ThreadedCall(_Sessions.complete_search)
    count = _ThreadedCall(_Sessions.count)
    facets = _ThreadedCall(_Sessions.facets)
    delete = _ThreadedCall(_Sessions.delete)
    delete_empty = _ThreadedCall(_Sessions.delete_empty)
    delete_everywhere = _ThreadedCall(_Sessions.delete_everywhere)
    delete_many = _ThreadedCall(_Sessions.delete_many)
    duplicate = _ThreadedCall(_Sessions.duplicate)
    erase = _ThreadedCall(_Sessions.erase)
    erase_many = _ThreadedCall(_Sessions.erase_many)
    export = _ThreadedCall(_Sessions.export)
    export_all = _ThreadedCall(_Sessions.export_all)
    export_zip = _ThreadedSteps(_Sessions.export_zip)
    fork = _ThreadedCall(_Sessions.fork)
    get = _ThreadedCall(_Sessions.get)
    held_by_agent = _ThreadedCall(_Sessions.held_by_agent)
    import_agent_session = _ThreadedCall(_Sessions.import_agent_session)
    import_document = _ThreadedCall(_Sessions.import_document)
    import_export = _ThreadedCall(_Sessions.import_export)
    iter_messages = _ThreadedSteps(_Sessions.iter_messages)
    list = _ThreadedCall(_Sessions.list)
    listing_of = _ThreadedCall(_Sessions.listing_of)
    messages = _ThreadedCall(_Sessions.messages)
    new = _ThreadedCall(_Sessions.new)
    prune = _ThreadedCall(_Sessions.prune)
    purge = _ThreadedCall(_Sessions.purge)
    rebuild = _ThreadedCall(_Sessions.rebuild)
    recover = _ThreadedCall(_Sessions.recover)
    remove_tag = _ThreadedCall(_Sessions.remove_tag)
    removed_masked_tags = _ThreadedCall(_Sessions.removed_masked_tags)
    restore_tag = _ThreadedCall(_Sessions.restore_tag)
    rename_tag = _ThreadedCall(_Sessions.rename_tag)
    repair = _ThreadedCall(_Sessions.repair)
    restore = _ThreadedCall(_Sessions.restore)
    restore_many = _ThreadedCall(_Sessions.restore_many)
    retry = _ThreadedCall(_Sessions.retry)
    save = _ThreadedCall(_Sessions.save)
    search = _ThreadedCall(_Sessions.search)
    segments = _ThreadedCall(_Sessions.segments)
    suggest = _ThreadedCall(_Sessions.suggest)
    summary = _ThreadedCall(_Sessions.summary)
    sync = _ThreadedCall(_Sessions.sync)
    tag = _ThreadedCall(_Sessions.tag)
    tag_many = _ThreadedCall(_Sessions.tag_many)
    tags = _ThreadedCall(_Sessions.tags)
    trash = _ThreadedCall(_Sessions.trash)
    trashed = _ThreadedCall(_Sessions.trashed)
    truncate = _ThreadedCall(_Sessions.truncate)
    change_to_undo = _ThreadedCall(_Sessions.change_to_undo)
    undo_change = _ThreadedCall(_Sessions.undo_change)
    undo = _ThreadedCall(_Sessions.undo)
    untag = _ThreadedCall(_Sessions.untag)
    untag_many = _ThreadedCall(_Sessions.untag_many)
    update = _ThreadedCall(_Sessions.update)
    update_many = _ThreadedCall(_Sessions.update_many)
    usage = _ThreadedCall(_Sessions.usage)
    usage_total = _ThreadedCall(_Sessions.usage_total)
    version = _ThreadedCall(_Sessions.version)
    why = _ThreadedCall(_Sessions.why)
    would_purge = _ThreadedCall(_Sessions.would_purge)
    cursor_after = _ThreadedCall(_Sessions.cursor_after)
    find = _ThreadedCall(_Sessions.find)
    find_deleted = _ThreadedCall(_Sessions.find_deleted)
    find_many = _ThreadedCall(_Sessions.find_many)
    matching = _ThreadedCall(_Sessions.matching)
    write_web_ui_index = _ThreadedCall(_Sessions.write_web_ui_index)
