"""Tests the asynchronous repository: every call of the other one, made in a thread."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hermes_sessions import Closed, InvalidValue, NotFound, SessionRepository, aio
from hermes_sessions.agent import Agent
from hermes_sessions.changes import LostUpdates, Projects
from hermes_sessions.feed import Changes

from .support.agent_db import filled_state
from .support.make import message
from .support.threads import in_own_thread


def calls_of(kind: type) -> set[str]:
    """Return the names of the public calls of a class."""
    return {
        name
        for name, member in inspect.getmembers_static(kind)
        if not name.startswith("_") and isinstance(member, (classmethod, staticmethod)) | callable(member)
    }


PAIRS: dict[str, tuple[type, type, set[str]]] = {
    # `entries` takes a function that is called while the index is being read.
    "sessions": (aio.SessionRepository, SessionRepository, {"entries"}),
    "projects": (aio.AsyncProjects, Projects, set()),
    "lost": (aio.AsyncLostUpdates, LostUpdates, set()),
    "agent": (aio.AsyncAgent, Agent, {"close", "errors", "file_versions", "job_names", "reading"}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_it_has_every_call(name: str) -> None:
    asynchronous, synchronous, left_out = PAIRS[name]
    named = {each for each in vars(asynchronous) if not each.startswith("_")}
    assert calls_of(synchronous) - left_out <= named
    for each in calls_of(synchronous) - left_out:
        assert inspect.getdoc(vars(asynchronous)[each]) == inspect.getdoc(getattr(synchronous, each))


def in_home(tmp_path: Path, use: Callable[[aio.SessionRepository], Awaitable[None]]) -> None:
    """Run a coroutine with an open home."""
    filled_state(tmp_path / "state.db")

    async def run() -> None:
        async with aio.SessionRepository.open(hermes_home=tmp_path) as sessions:
            await use(sessions)

    in_own_thread(lambda: asyncio.run(run()))


def test_conversations_are_made_listed_searched_and_deleted(tmp_path: Path) -> None:
    async def use(sessions: aio.SessionRepository) -> None:
        made = await sessions.save(await sessions.new(title="Budget", project_id=None))
        project = await sessions.projects.create("Home")
        await sessions.update(made.session_id, project_id=project.project_id)
        await sessions.append(made.session_id, [message("the heron")])
        (listed,) = await sessions.list(project_id=project.project_id)
        assert (listed.title, listed.message_count) == ("Budget", 1)
        assert [hit.session_id for hit in await sessions.search("heron")] == [made.session_id]
        await sessions.delete(made.session_id)
        with pytest.raises(NotFound):
            await sessions.summary(made.session_id)
        assert (await sessions.restore(made.session_id)).title == "Budget"
        assert await sessions.agent.sessions()
        assert sessions.agent.path == tmp_path / "state.db"
        assert await sessions.lost.list() == []
        assert sessions.restriction is None

    in_home(tmp_path, use)


def test_messages_come_one_by_one(tmp_path: Path) -> None:
    async def use(sessions: aio.SessionRepository) -> None:
        found = [(each.session_id, index) async for each, index, _ in sessions.iter_messages()]
        with SessionRepository.open(hermes_home=tmp_path) as other:
            assert found == [(each.session_id, index) for each, index, _ in other.iter_messages()]
        assert found

    in_home(tmp_path, use)


def test_the_loop_goes_on_while_a_call_waits(tmp_path: Path) -> None:
    async def use(sessions: aio.SessionRepository) -> None:
        called, go_on = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def wait(version: str) -> bool:
            loop.call_soon_threadsafe(called.set)
            return not go_on.wait(30)

        waiting = asyncio.create_task(sessions.list(unless=wait))
        await called.wait()
        assert await sessions.count() == 0
        go_on.set()
        assert list(await waiting) == []

    in_home(tmp_path, use)


def test_it_can_be_opened_and_closed_by_hand(tmp_path: Path) -> None:
    async def run() -> None:
        sessions = await aio.SessionRepository.open(hermes_home=tmp_path)
        async with sessions:
            assert await sessions.count() == 0
        with pytest.raises(Closed):
            await sessions.count()
        await sessions.close()
        with pytest.raises(NotFound):
            await aio.SessionRepository.open(hermes_home=tmp_path / "none", create=False)
        with pytest.raises(InvalidValue, match="Did you mean archived"):
            async with aio.SessionRepository.open(hermes_home=tmp_path) as again:
                await again.list(archivd=True)  # type: ignore[call-arg]  # wrong on purpose

    in_own_thread(lambda: asyncio.run(run()))


@pytest.mark.slow
def test_watching_keeps_no_thread(tmp_path: Path) -> None:
    """Watches that waited in threads would leave none for other calls, and the program would not end."""

    async def watch(sessions: aio.SessionRepository, seen: list[Changes]) -> None:
        async for changes in sessions.watch():
            seen.append(changes)  # noqa: PERF401  # it has no end

    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        sessions = await aio.SessionRepository.open(hermes_home=tmp_path)
        seen: list[Changes] = []
        watching = [asyncio.create_task(watch(sessions, seen)) for _ in range(5)]
        await asyncio.sleep(0.1)
        made = await asyncio.wait_for(sessions.new(title="x"), 30)
        while len(seen) < len(watching):
            await asyncio.sleep(0.05)
        assert {each.changed for each in seen} == {(made.session_id,)}
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    running = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    running.start()
    running.join(60)
    assert not running.is_alive()


@pytest.mark.parametrize("is_open", [True, False], ids=["opened in time", "opened later"])
def test_a_home_whose_opening_is_cancelled_is_closed(tmp_path: Path, is_open: bool) -> None:
    go_on, opened = threading.Event(), list[SessionRepository]()

    def opening() -> SessionRepository:
        assert is_open or go_on.wait(30)
        opened.append(SessionRepository.open(hermes_home=tmp_path))
        assert not is_open or go_on.wait(30)
        return opened[0]

    async def run() -> None:
        task = asyncio.create_task(aio._Opening(opening)._opened())
        await asyncio.sleep(0)
        while is_open and not opened:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    in_own_thread(lambda: asyncio.run(run()))  # which waits for the thread
    with pytest.raises(Closed):
        opened[0].count()
